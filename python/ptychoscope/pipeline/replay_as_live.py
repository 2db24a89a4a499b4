"""replay: a stored scan sent through network and solver as if it were just being measured."""

from time import perf_counter, process_time

from ptychoscope.pipeline.loop import run
from ptychoscope.pipeline.patch_sinks import MovingWindowSink
from ptychoscope.pipeline.plan import Plan
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.progress import NOBODY, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.moving_window import MovingWindowRefiner
from ptychoscope.refine.scan_to_refiner import partly_done, result_of, say_left_out


def replay(plan: Plan, *, watch: Watch = NOBODY) -> Reconstruction:
    """Batches in order, started by the network and swept in a moving window; then full sweeps.

    Without a model the object starts empty. Positions and probe are kept as they are. Stopped early, the
    result is `partial`: the frames that had arrived, or the sweeps that were done. Raises `ScanError` and
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
    _arrive(plan, sink, watch)
    frames, arrived = len(window.refiner), perf_counter() - began
    say_left_out(window.refiner.states)
    found = window.close(sweeps=plan.refine, watch=watch)
    stopped = partly_done(window.closing_sweeps, plan.refine)
    if frames < len(scan):
        stopped = {"partial": f"{frames} of {len(scan)} frames"}
    record: dict[str, str | int | float] = {
        "model": "none" if model is None else model.path.name,
        "device": "cpu" if model is None else model.device,
        "seconds": arrived,
        "frames_per_s": frames / arrived,
        "refine_start": "empty" if model is None else "stream",
        "refine_sweeps": window.closing_sweeps,
        "refine_window_frames": plan.refine_window,
        "refine_batch": plan.batch,
        "refine_misfit_after": found.misfit,
        "refine_frames_used": found.frames,
        "refine_seconds": perf_counter() - began,
        "refine_cpu_seconds": process_time() - began_cpu,
        **stopped,
    }
    if model is not None:
        record |= {
            "model_sha256": model.digest,
            "merge": plan.merge,
            "projections": plan.projections,
            "workers": plan.workers,
        }
    arrived_scan = scan if frames == len(scan) else scan.select(slice(frames))
    return result_of(window.refiner, arrived_scan, plan.extent, None, record)


def _arrive(plan: Plan, sink: MovingWindowSink, watch: Watch) -> None:
    """The frames of the scan, batch by batch, until `watch` stops them."""
    frames = len(plan.scan)
    if plan.model is not None:
        run(
            plan.source(),
            plan.slot(),
            [sink],
            workers=plan.workers,
            merge=plan.merge == "batch",
            progress=lambda done: watch.tell("network", done, frames),
            stop=watch.stop,
        )
        return
    done = 0
    for batch in plan.source():
        found = sink.add(batch)
        done += len(batch)
        watch.tell("arrival", done, frames, found.misfit)
        if watch.stopped:
            return
