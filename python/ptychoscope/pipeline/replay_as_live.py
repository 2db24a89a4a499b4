"""replay: a stored scan sent through network and solver as if it were just being measured."""

from time import perf_counter, process_time

from ptychoscope.pipeline.loop import Progress, run
from ptychoscope.pipeline.patch_sinks import MovingWindowSink
from ptychoscope.pipeline.plan import Plan
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.moving_window import MovingWindowRefiner
from ptychoscope.refine.scan_to_refiner import result_of, say_left_out


def replay(plan: Plan, *, progress: Progress | None = None) -> Reconstruction:
    """Batches in order, started by the network and swept in a moving window; then full sweeps.

    Without a model the object starts empty. Positions and probe are kept as they are. Raises `ScanError` and
    `ConfigError` as `refine_scan` does.
    """
    scan, model = plan.scan, plan.model
    window = MovingWindowRefiner(
        plan.extent.shape,
        matched_probe(scan),
        window_frames=plan.refine_window,
        threads=plan.threads,
        seed=plan.seed,
    )
    sink = MovingWindowSink(window, plan.extent)
    began, began_cpu = perf_counter(), process_time()
    if model is None:
        for batch in plan.source():
            sink.add(batch)
    else:
        merge = plan.merge == "batch"
        run(plan.source(), plan.slot(), [sink], workers=plan.workers, merge=merge, progress=progress)
    arrived = perf_counter() - began
    say_left_out(window.refiner)
    found = window.close(sweeps=plan.refine)
    record: dict[str, str | int | float] = {
        "model": "none" if model is None else model.path.name,
        "device": "cpu" if model is None else model.device,
        "seconds": arrived,
        "frames_per_s": len(scan) / arrived,
        "refine_start": "empty" if model is None else "stream",
        "refine_sweeps": plan.refine,
        "refine_window_frames": plan.refine_window,
        "refine_batch": plan.batch,
        "refine_misfit_after": found.misfit,
        "refine_frames_used": found.frames,
        "refine_seconds": perf_counter() - began,
        "refine_cpu_seconds": process_time() - began_cpu,
    }
    if model is not None:
        record |= {
            "model_sha256": model.digest,
            "merge": plan.merge,
            "projections": plan.projections,
            "workers": plan.workers,
        }
    return result_of(window.refiner, scan, plan.extent, None, record)
