"""VerdictFrames: what a running scan keeps of its frames, so that a verdict can be made in the end.

Blocks of neighbours, in order of placing, spread over all that came: when there are too many, every other
block goes. A short scan is kept whole, and is judged as its file would be; a long one takes no more memory.
"""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.growing_array import GrowingArray
from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.unmeasured_pixels import amplitudes
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.make_verdict import (
    BLOCK_FRAMES,
    JudgedFrames,
    judge_frames,
    judge_image_by,
    most_judged,
    spread_blocks,
    used_frames,
)
from ptychoscope.refine.refiner import Refiner
from ptychoscope.verdict import Verdict

_LEAVE = 2
"""For every frame that comes so many go, of those that are too many: all at once would hold the loop up."""


class VerdictFrames:
    """Counts of every frame that was placed, and the patterns of some.

    Parameters
    ----------
    side
        P of the patterns.
    domain
        Of the patterns.
    """

    def __init__(self, side: int, domain: Domain) -> None:
        self._side, self._domain = side, domain
        self._most = 2 * most_judged(side)
        self._stride, self._placed = 1, 0
        self._held: dict[int, NDArray[np.float32]] = {}
        self._leaving: list[int] = []
        """Places of those held that are one block too many: some go with every batch."""
        self._counts = GrowingArray(np.float32)

    def __len__(self) -> int:
        """Of how many frames the patterns are held."""
        return len(self._held)

    def add(self, patterns: NDArray[np.float32]) -> None:
        """Frames (n, P, P) that follow those before, negative where unmeasured."""
        measured = np.maximum(patterns, 0)
        if self._domain == "amplitude":
            measured = np.square(measured)
        self._counts.append(measured.sum(axis=(1, 2)))
        places = np.arange(self._placed, self._placed + len(patterns))
        self._placed += len(patterns)
        chosen = np.flatnonzero(places // BLOCK_FRAMES % self._stride == 0)
        for place, pattern in zip(
            places[chosen].tolist(), amplitudes(patterns[chosen], self._domain), strict=True
        ):
            self._held[place] = pattern.copy()
        while len(self._held) - len(self._leaving) > self._most:
            self._stride *= 2
            self._leaving = [place for place in self._held if not self._stays(place)]
        for place in self._leaving[: _LEAVE * len(patterns)]:
            del self._held[place]
        del self._leaving[: _LEAVE * len(patterns)]

    def _stays(self, place: int) -> bool:
        return place // BLOCK_FRAMES % self._stride == 0

    def judge(self, refiner: Refiner, numbers: NDArray[np.int64]) -> Verdict | None:
        """The verdict on what `refiner` holds after an examined sweep; its frames are all that were added.

        `numbers` (n,) name the frames. None when none of those held is of use.
        """
        held = np.intersect1d(self._places(), used_frames(refiner))
        chosen = spread_blocks(held, most_judged(self._side))
        return judge_frames(refiner, self._chosen(chosen, numbers)) if len(chosen) else None

    def judge_image(self, result: Reconstruction) -> Verdict | None:
        """The verdict on an image that no solver made; None without a probe that predicts frames."""
        assert result.frame_numbers is not None  # noqa: S101
        return judge_image_by(result, self._chosen(self._places(), result.frame_numbers))

    def _places(self) -> NDArray[np.intp]:
        return np.array([place for place in self._held if self._stays(place)], np.intp)

    def _chosen(self, chosen: NDArray[np.intp], numbers: NDArray[np.int64]) -> JudgedFrames:
        amplitude = np.stack([self._held[place] for place in chosen.tolist()])
        return JudgedFrames(chosen, amplitude, self._counts.rows, numbers)
