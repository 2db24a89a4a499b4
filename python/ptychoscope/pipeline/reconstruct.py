"""reconstruct: a scan and a model become an image."""

from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.geometry import canvas_frame
from ptychoscope.inference.cuda_runner import check_device_stitching
from ptychoscope.inference.model import BATCH, Model
from ptychoscope.inference.model_config import Interpolation
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.inference.session import parse_device
from ptychoscope.pipeline.loop import Progress, Report, run
from ptychoscope.pipeline.patch_buffer import Gathered
from ptychoscope.pipeline.scan_merge import run_merged
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Align, Canvas
from ptychoscope.stitch.cuda_canvas import CudaCanvas
from ptychoscope.stitch.windows import WindowKind, make_window

ProbeChoice = Literal["scan", "model"]
Merge = Literal["scan", "batch", "none"]
Stitch = Literal["host", "device"]


def reconstruct(  # noqa: PLR0913
    scan: Scan,
    model: Model,
    *,
    batch: int = BATCH,
    threads: int = 1,
    workers: int = 1,
    merge: Merge | None = None,
    projections: int = 0,
    align: Align | None = None,
    stitch: Stitch = "host",
    interpolation: Interpolation | None = None,
    window: WindowKind | NDArray[Any] | None = None,
    probe: ProbeChoice | None = None,
    progress: Progress | None = None,
) -> Reconstruction:
    """The object under `scan` as `model` sees it.

    Parameters
    ----------
    batch
        Frames that go through the network at once. The canvas does not depend on it.
    threads
        Threads of the stitcher; the network has its own (`load_model`). The canvas does not depend on them.
    workers
        Batches that are in the network at the same time, each with the network's own threads.
    merge
        What a network of several passes takes for neighbours between them: all frames of the `scan`, those of
        the same `batch`, or `none`. None: the scan, where the network has several passes.
    projections
        Parallel projections, with the neighbours merged and with momentum, that follow the network: some
        ten bring the image closer to the measurement. Needs a model with passes and a probe.
    align
        The constant phase that a pattern does not tell of its patch: `none` takes it as the network gives it;
        `sequential` turns each patch, in its turn, to the phase of the image under it; `global` keeps all
        patches until the last one came and solves their phases together (`phases.py`). None: `global`, and
        `none` on a device.
    stitch
        `device` stitches patches on the CUDA device that computed them, without copying them to the host;
        for networks in one graph, phases as they are.
    interpolation
        How patches are put between pixels (`Canvas`); None: as the model says.
    window
        Weight of a patch's pixels (`make_window`), or an array (H, W). None: as the model says.
    probe
        `scan` or `model`: whose probe the network is told and the window is made of. None: the scan's when
        it has one.
    progress
        Called after every batch with the number of frames placed so far.

    Raises
    ------
    ScanError
        The scan has no frames, its patterns are not of the model's size, or no probe is known.
    ConfigError
        An option has a value that it cannot have.
    """
    if len(scan) == 0:
        raise ScanError("the scan has no frames: nothing can be reconstructed")
    lit = _probe(scan, model, probe)
    weights = _window(window, lit, model)
    mode = interpolation or model.config.stitch.interpolation
    frame = canvas_frame(scan.positions_px, model.patch_px)
    chosen = _merge(merge, model, projections)
    if stitch not in ("host", "device"):
        raise ConfigError(f'stitch must be "host" or "device", got {stitch!r}')
    on_device = stitch == "device"
    if on_device:
        check_device_stitching(model.config, model.device, chosen, align)
    align = align or ("none" if on_device else "global")
    canvas: Canvas | CudaCanvas
    if on_device:
        canvas = CudaCanvas(frame.shape, weights, mode, device=parse_device(model.device)[1])
    else:
        crop_px = model.config.stitch.inner_crop_px
        canvas = Canvas(frame.shape, weights, mode, threads=threads, align=align, crop_px=crop_px)
    gathered = Gathered(len(scan)) if align == "global" else None
    target = gathered or canvas
    slot = ModelSlot(
        model,
        probe=lit if model.takes_probe else None,
        front="device" if on_device else "auto",
        projections=projections,
    )
    source = ScanSource(scan, batch=batch)
    if chosen == "scan":
        report = run_merged(source, slot.running, target, frame, workers=workers, progress=progress)
    else:
        report = run(source, slot, target, frame, workers=workers, merge=chosen == "batch", progress=progress)
    if gathered is not None:
        gathered.place(canvas, report)
    settings: dict[str, str | int | float] = {
        "front": slot.running.front.name,
        "merge": chosen,
        "projections": projections,
        "align": align,
        "stitch": stitch,
        "batch": batch,
        "interpolation": mode,
        "stitch_threads": threads,
        "workers": workers,
        "probe": "none" if lit is None else ("model" if lit is model.probe else "scan"),
    }
    return Reconstruction(
        object=canvas.image(),
        coverage=canvas.coverage(),
        spread=canvas.spread(),
        origin_px=frame.origin_px,
        pixel_size_m=scan.pixel_size_m or model.config.pixel_size_m,
        positions_px=scan.positions_px,
        probe=lit,
        orientation=dict(scan.orientation),
        provenance=_provenance(model, report) | settings,
    )


def _merge(merge: Merge | None, model: Model, projections: int) -> Merge:
    if merge not in (None, "scan", "batch", "none"):
        raise ConfigError(f'merge must be "scan", "batch" or "none", got {merge!r}')
    if projections < 0 or (projections and merge == "none"):
        raise ConfigError(
            f'projections must be at least 0, and 0 with merge="none", got {projections}: frames on their '
            "own are not determined by what was measured"
        )
    if model.passes > 1 or (model.passes and projections):
        return merge or "scan"
    if merge in ("scan", "batch"):
        raise ConfigError(
            f'merge="{merge}" needs a network of several passes, and this one has one: leave it out'
        )
    return "none"


def _probe(scan: Scan, model: Model, choice: ProbeChoice | None) -> NDArray[np.complex64] | None:
    if choice not in (None, "scan", "model"):
        raise ConfigError(f'probe must be "scan" or "model", got {choice!r}')
    if choice == "model" and model.probe is None:
        raise ScanError('the model holds no probe: use probe="scan"')
    if choice == "scan" or (choice is None and scan.probe is not None):
        return matched_probe(scan)
    return model.probe


def _window(
    window: WindowKind | NDArray[Any] | None, probe: NDArray[np.complex64] | None, model: Model
) -> NDArray[np.float32] | None:
    chosen = model.config.stitch.window if window is None else window
    if isinstance(chosen, str):
        return make_window(chosen, model.patch_px, probe)
    if chosen.shape != model.patch_px:
        raise ConfigError(
            f"the window must be as large as the model's patches {model.patch_px}, got {chosen.shape}"
        )
    return chosen.astype(np.float32)


def _provenance(model: Model, report: Report) -> dict[str, str | int | float]:
    return {
        "ptychoscope": version("ptychoscope"),
        "model": model.path.name,
        "model_sha256": model.digest,
        "device": model.device,
        "model_threads": model.threads,
        "frames": report.frames,
        "seconds": report.seconds,
        "frames_per_s": report.frames_per_s,
    }
