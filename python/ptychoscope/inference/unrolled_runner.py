"""UnrolledRunner: the network as its passes, with the projection in C++ and neighbours merged between
them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.inference.patterns_to_tensors import checked_patterns
from ptychoscope.inference.runner import PositionedPatches, Positions
from ptychoscope.inference.unrolled_passes import ObjectEstimate, Passes, unroll
from ptychoscope.option_literals import Domain, Values
from ptychoscope.preprocess.probe_intensity import merge_weight, probe_intensity
from ptychoscope.preprocess.unmeasured_pixels import amplitudes
from ptychoscope.preprocess.whole_and_fraction import split_subpixel
from ptychoscope.stitch.reextract import merged


class UnrolledRunner:
    """The passes with a probe (m, P, P) on the scale of the counts. Thread-safe.

    It is faster than the self-contained graph, places patches on whole pixels, and may merge neighbours
    between the passes.
    """

    name = "unrolled"
    values: Values = "real_imag"

    def __init__(self, passes: Passes, probe: NDArray[np.complex64], *, projections: int = 0) -> None:
        self.passes = passes
        self.stages: tuple[int | None, ...] = (*range(len(passes)), *([None] * projections))
        """Numbers of the passes, and None for every projection that follows where neighbours are merged."""
        self.weight = merge_weight(probe)
        """(P, P) float32: what a patch's pixels count in a merge."""
        self.empty = ObjectEstimate(None, probe_intensity(probe)[None, None])
        """What every frame begins with."""
        self._projector = passes.projector(probe)

    def patches(self, patterns: NDArray[Any], domain: Domain) -> NDArray[np.float32]:
        """(n, 2, P, P) of frames that lie on whole pixels and know no neighbours."""
        planes: NDArray[np.float32] = self.positioned(patterns, domain, np.zeros((len(patterns), 2))).patches
        return planes

    def positioned(
        self, patterns: NDArray[Any], domain: Domain, positions_px: Positions, *, merge: bool = False
    ) -> PositionedPatches:
        """The patches on whole pixels; with `merge` these frames are each other's neighbours."""
        whole, steps = split_subpixel(positions_px)
        modulus = self._amplitudes(patterns, domain)

        def step(number: int | None, estimate: ObjectEstimate | None) -> NDArray[np.float32]:
            return self.passes.step(number, self._projector, estimate or self.empty, modulus, steps)

        def between(planes: NDArray[np.float32]) -> ObjectEstimate:
            return ObjectEstimate(*merged(planes, whole, self.weight)) if merge else self._unmerged(planes)

        stages = self.stages if merge else range(len(self.passes))
        return PositionedPatches(unroll(stages, step, between), "real_imag", whole)

    def feeds(self, number: int, patterns: NDArray[Any], domain: Domain) -> dict[str, NDArray[np.float32]]:
        """The inputs of pass `number` for frames on whole pixels that know no neighbours."""
        steps, modulus = (
            split_subpixel(np.zeros((len(patterns), 2))).steps,
            self._amplitudes(patterns, domain),
        )
        start = self.empty
        for before in range(number):
            start = self._unmerged(self.passes.step(before, self._projector, start, modulus, steps))
        return self.passes.feeds(number, self._projector, start, modulus, steps)

    def step(
        self,
        number: int | None,
        start: ObjectEstimate,
        patterns: NDArray[Any],
        domain: Domain,
        steps: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        """One of the `stages`, for a caller that merges with frames elsewhere."""
        return self.passes.step(number, self._projector, start, self._amplitudes(patterns, domain), steps)

    def _unmerged(self, planes: NDArray[np.float32]) -> ObjectEstimate:
        return ObjectEstimate(planes, self.empty.coverage)

    def _amplitudes(self, patterns: NDArray[Any], domain: Domain) -> NDArray[np.float32]:
        return amplitudes(checked_patterns(patterns, self.weight.shape, domain), domain)
