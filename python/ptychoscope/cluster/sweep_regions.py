"""Sequential sweeps over many workers: every region by itself, one image of all, and what it explains.

Sweeps take frame after frame. Frames far from each other share no pixel, though, so that a region with its
neighbours around it comes out as it does within the whole. The image is the same however many workers there
are, and whichever of them are lost.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.cluster.frame_range import as_it_is
from ptychoscope.cluster.region_task import Examined, FramesAt, Solver, examine_region, sweep_region
from ptychoscope.cluster.regions import (
    Mosaic,
    Region,
    RegionImage,
    cut_into_regions,
    extent_of,
    part_of_extent,
)
from ptychoscope.cluster.wait_for import Step, wait_for
from ptychoscope.pipeline.plan import Plan
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.progress import Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.defocus_trial import near_frames
from ptychoscope.refine.first_probe import first_probe
from ptychoscope.refine.fixed_sweeps import fixed_sweeps
from ptychoscope.refine.make_verdict import (
    JudgedFrames,
    judge_predicted,
    measured_counts,
    most_judged,
    spread_blocks,
    warn_if_unexplained,
)
from ptychoscope.refine.scan_to_refiner import Swept, on_extent, result_of_swept, say_left_out
from ptychoscope.refine.sweep_findings import FRAME_STATES, ExaminedImage
from ptychoscope.refine.whole_scan import ENOUGH_SWEEPS
from ptychoscope.verdict import Verdict

if TYPE_CHECKING:
    from ptychoscope.cluster.one_scan import Crew


class _Found(NamedTuple):
    """What all frames say of the image."""

    image: ExaminedImage
    misfit: float
    used: NDArray[np.intp]
    verdict: Verdict


class SweptByRegions:
    """Sweeps of one scan over the workers of `crew`.

    Parameters
    ----------
    file
        The task that made the `ScanFile` on the workers.
    numbers
        (n,) indices in the file of the frames of the plan.
    most
        Own frames of a region.
    """

    def __init__(
        self, crew: "Crew", file: Any, numbers: NDArray[np.intp], plan: Plan, watch: Watch, most: int
    ) -> None:
        self._crew, self._file, self._numbers, self._watch, self._most = crew, file, numbers, watch, most
        self._plan, self._scan, self._side = plan, plan.scan, plan.scan.patch_px
        self._extent = extent_of(plan.scan.positions_px, self._side)
        self._regions = cut_into_regions(plan.scan.positions_px, self._side, most)

    def result(self, start: Reconstruction | None) -> Reconstruction:
        """The image after all sweeps, from `start` or an empty object, with its verdict."""
        began = time.perf_counter()
        begin = None if start is None else on_extent(start, self._extent)
        solver = self._solver(begin)
        object_ = self._swept(solver, begin)
        found = self._found(solver, object_)
        record: dict[str, str | int | float] = {
            "refine_sweeps": self._plan.refine,
            "refine_start": "empty" if start is None else "image",
            "refine_probe": self._plan.refine_probe or "keep",
            "refine_positions": "keep",
            "refine_regularisation": solver.sweeps.plan.regularisation,
            "refine_regions": len(self._regions),
            "refine_region_frames": self._most,
            "refine_misfit_after": found.misfit,
            "refine_frames_used": len(found.used),
            "refine_seconds": (seconds := time.perf_counter() - began),
        }
        if start is None:
            record |= {"device": "cpu", "seconds": seconds, "frames_per_s": len(self._scan) / seconds}
        if self._plan.refine >= ENOUGH_SWEEPS:
            warn_if_unexplained(found.verdict)
        swept = Swept(object_, found.image, solver.probe, self._scan.positions_px)
        result = result_of_swept(swept, self._scan, self._extent, start, record)
        return replace(result, verdict=found.verdict)

    def _solver(self, begin: NDArray[np.complex64] | None) -> Solver:
        """What all regions do, decided by the frames in the middle, which also mend the probe for all."""
        plan, use = self._plan, self._plan.refine_probe or "keep"
        middle = near_frames(self._scan, self._most)
        some = self._scan.select(middle)
        probe = first_probe(self._scan if use == "keep" else some, use, saturation=plan.saturation)
        sweeps = fixed_sweeps(
            some,
            probe,
            plan.refine,
            "empty" if begin is None else "image",
            saturation=plan.saturation,
            seed=plan.seed,
        )
        solver = Solver(
            sweeps=sweeps,
            probe=probe,
            use=use,
            saturation=plan.saturation,
            threads=self._crew.threads,
            tasks=self._crew.tasks,
        )
        if use == "keep":
            return solver
        region = Region(middle, np.ones(len(middle), bool))
        (found,) = self._done([self._sweeping(self._crew.submit(as_it_is, solver), region, begin)])
        return replace(solver, probe=found.probe, use="keep")

    def _swept(self, solver: Solver, begin: NDArray[np.complex64] | None) -> NDArray[np.complex64]:
        """The object after the sweeps of all regions."""
        shared, of = self._crew.submit(as_it_is, solver), len(self._regions)
        tasks = [self._sweeping(shared, region, begin, k, of) for k, region in enumerate(self._regions)]
        images: list[RegionImage] = self._done(tasks, tells=True)
        mosaic = Mosaic(self._extent)
        for image in images:
            mosaic.add(image)
        return mosaic.object()

    def _found(self, solver: Solver, object_: NDArray[np.complex64]) -> _Found:
        """Compare all frames with the image that the regions made together."""
        count, side = len(self._scan), self._side
        chosen = spread_blocks(np.arange(count), most_judged(side))
        shared, of, tasks = self._crew.submit(as_it_is, solver), len(self._regions), []
        owns = [region.frames[region.own] for region in self._regions]
        for k, own in enumerate(owns):
            at, cut = self._at(own)
            judged = np.flatnonzero(np.isin(own, chosen))
            args = (self._file, shared, at, object_[cut].copy(), judged)
            tasks.append(self._crew.share(examine_region, *args, part=k, parts=of))
        misfits, states = np.full(count, np.nan), np.zeros(count, np.uint8)
        coverage, squares = np.zeros(object_.shape), np.zeros(object_.shape)
        predicted = np.zeros((len(chosen), side, side), np.float32)
        examined: list[Examined] = self._done(tasks)
        for own, part in zip(owns, examined, strict=True):
            _, cut = self._at(own)
            misfits[own], states[own] = part.misfits, part.states
            coverage[cut] += part.image.coverage
            squares[cut] += part.image.coverage * np.square(part.image.spread, dtype=np.float64)
            predicted[np.isin(chosen, own)] = part.predicted
        say_left_out(states)
        is_used = states == FRAME_STATES.index("used")
        judged_too = is_used[chosen]
        chosen = chosen[judged_too]
        amplitude = measured_amplitudes(self._scan, chosen, saturation=self._plan.saturation)
        frames = JudgedFrames(chosen, amplitude, self._scan.frame_counts, self._scan.numbers)
        used = np.flatnonzero(is_used)
        verdict = judge_predicted(frames, used, misfits, measured_counts(amplitude), predicted[judged_too])
        spread = np.sqrt(np.divide(squares, coverage, out=np.zeros_like(squares), where=coverage > 0))
        misfit = float(np.average(misfits[used], weights=self._scan.frame_counts[used]))
        image = ExaminedImage(coverage.astype(np.float32), spread.astype(np.float32))
        return _Found(image, misfit, used, verdict)

    def _sweeping(
        self,
        solver: Any,
        region: Region,
        begin: NDArray[np.complex64] | None,
        part: int = 0,
        parts: int = 1,
    ) -> Any:
        """The task that sweeps a region from what lies under it."""
        at, cut = self._at(region.frames)
        start = None if begin is None else begin[cut].copy()
        return self._crew.share(
            sweep_region, self._file, solver, at, region.own, start, part=part, parts=parts
        )

    def _at(self, frames: NDArray[np.intp]) -> tuple[FramesAt, tuple[slice, slice]]:
        """Frames of the scan as a worker finds them, and what part of the object lies under them."""
        positions_px = self._scan.positions_px[frames]
        cut = part_of_extent(extent_of(positions_px, self._side), self._extent)
        return FramesAt(self._numbers[frames], positions_px), cut

    def _done(self, tasks: list[Any], *, tells: bool = False) -> list[Any]:
        """The results of `tasks`; `tells` how many of the sweeps are done."""
        of, sweeps = len(tasks), self._plan.refine

        def tell(done: int) -> None:
            if tells:
                self._watch.tell("sweeps", done * sweeps // of, sweeps)

        steps = [Step(task, task, counts=True) for task in tasks]
        return wait_for(self._crew.client, tasks, steps=steps, tell=tell, stop=self._watch.stop)
