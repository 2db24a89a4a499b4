"""stream_scan: a stored scan sent through network, canvas and solver as if it were just being measured."""

from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.geometry import CanvasFrame, canvas_frame
from ptychoscope.inference.graph_runner import complex_patches
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.pipeline.loop import Done, run
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.moving_window import WINDOW_FRAMES, StreamRefiner
from ptychoscope.refine.scan_exchange import result_of, say_left_out
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model


def stream_scan(
    scan: Scan,
    model: "Model | None" = None,
    *,
    batch: int = 8,
    window_frames: int = WINDOW_FRAMES,
    sweeps: int = 3,
    threads: int = 1,
    seed: int = 0,
    saturation: float | None = None,
) -> Reconstruction:
    """Batches of `scan` in order, placed by `model` and swept in a moving window; then full sweeps.

    Without a model the object starts empty. Positions and probe are kept as they are.

    Parameters
    ----------
    batch
        Frames that arrive at once.
    window_frames
        How many of the latest frames each batch sweeps once.
    sweeps
        Full sweeps at the end.
    threads
        Threads of the solver; the result does not depend on them.
    seed
        Of the order in which frames are visited.
    saturation
        Pixels at or above this value, in the units of the patterns, count as unmeasured.

    Raises `ScanError` and `ConfigError` as `refine_scan` does.
    """
    if len(scan) == 0:
        raise ScanError("the scan has no frames: nothing can be refined")
    probe = matched_probe(scan)
    frame = canvas_frame(scan.positions_px, (scan.patch_px, scan.patch_px))
    stream = StreamRefiner(
        frame.shape,
        probe,
        window_frames=window_frames,
        threads=threads,
        seed=seed,
        bad_pixels=scan.bad_pixels,
        saturation=saturation,
    )
    began, began_cpu = perf_counter(), process_time()
    source = ScanSource(scan, batch=batch)
    if model is None:
        for frames in source:
            stream.add(frames.patterns, frame.to_canvas(frames.positions_px), domain=frames.domain)
    else:
        _through(source, model, probe, frame, stream)
    arrived = perf_counter() - began
    say_left_out(stream.refiner)
    found = stream.close(sweeps=sweeps)
    record: dict[str, str | int | float] = {
        "model": "none" if model is None else model.path.name,
        "device": "cpu" if model is None else model.device,
        "seconds": arrived,
        "frames_per_s": len(scan) / arrived,
        "refine_start": "empty" if model is None else "stream",
        "refine_sweeps": sweeps,
        "refine_window_frames": window_frames,
        "refine_batch": batch,
        "refine_misfit_after": found.misfit,
        "refine_frames_used": found.frames,
        "refine_seconds": perf_counter() - began,
        "refine_cpu_seconds": process_time() - began_cpu,
    }
    return result_of(stream.refiner, scan, frame, None, record)


def _through(
    source: ScanSource,
    model: "Model",
    probe: NDArray[np.complex64],
    frame: CanvasFrame,
    stream: StreamRefiner,
) -> None:
    """Send batches through the network; sweep in this thread while it works on the next."""

    def sweep(done: Done) -> None:
        batch, placed = done.batch, done.placed
        if batch is None:
            raise RuntimeError("the pipeline handed on no batch")
        stream.add(
            batch.patterns,
            frame.to_canvas(batch.positions_px),
            domain=batch.domain,
            patches=complex_patches(placed.patches, placed.values),
        )

    canvas = Canvas(frame.shape, np.square(np.abs(probe)).sum(axis=0), spread=False)
    run(source, ModelSlot(model, probe=probe), canvas, frame, after=sweep)
