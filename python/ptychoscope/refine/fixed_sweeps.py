"""What sweeps do once their number is fixed: the same wherever their frames lie."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from ptychoscope.option_literals import PositionUse, ProbeUse, SweepStart
from ptychoscope.refine.explained_by_noise import explained_by_noise
from ptychoscope.refine.low_count_bias import NONE, PhotonOffset, photon_offset
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.rising_misfit import RisingMisfit
from ptychoscope.refine.step_sizes import Schedule, schedule
from ptychoscope.refine.sweep_findings import Sweep
from ptychoscope.scan import Scan

_UNBIASED_SWEEPS = 8
"""From so many on, the bias of few photons is what is left of the error."""
_UNBIASED_FACTOR = 2.0
"""Of the regularisation then: by so much less in the first third of the sweeps, which carries slow waves on,
and more in the last, which averages noise."""


class FixedSweeps(NamedTuple):
    """As many steps as sweeps, and what the frames are taken for in all of them."""

    plan: Schedule
    regularisations: tuple[float, ...]
    """One for each sweep."""
    offset: PhotonOffset
    seed: int
    """Of the order in which frames are visited."""

    def begin(self, refiner: Refiner) -> None:
        """Take the frames for what they are while they are swept."""
        refiner.add_counts(self.offset.added)
        refiner.set_background(self.offset.background(0.0, refiner.probe.shape[-1]))

    def end(self, refiner: Refiner) -> None:
        """Take them for what was measured again."""
        refiner.add_counts(-self.offset.added)
        refiner.set_background(None)

    def sweep(
        self,
        refiner: Refiner,
        number: int,
        rising: RisingMisfit,
        probe: ProbeUse = "keep",
        positions: PositionUse = "keep",
        limit_px: float = 1.0,
    ) -> Sweep:
        """Sweep `number`, from 0, which finds the object: probe and positions follow from the second on.

        `rising` is that of these sweeps, and holds them where their misfit rises.
        """
        later = number > 0
        held = rising.held(self.regularisations[number], self.plan.momenta[number])
        found = refiner.sweep(
            step=self.plan.steps[number],
            regularisation=held[0],
            momentum=held[1],
            probe_step=1.0 if probe != "keep" and later else 0.0,
            position_step=1.0 if positions == "correct" and later else 0.0,
            position_limit_px=limit_px,
            seed=(self.seed << 20) + number,
        )
        rising.saw(found.misfit)
        return found

    def examine(self, refiner: Refiner) -> Sweep:
        """Find what the frames say of the object as it is."""
        return refiner.sweep(step=1, regularisation=self.plan.regularisation, mode="examined")


def fixed_sweeps(
    scan: Scan,
    probe: NDArray[Any],
    count: int,
    start: SweepStart,
    *,
    saturation: float | None,
    seed: int,
) -> FixedSweeps:
    """`count` sweeps over frames such as those of `scan`, whose beam is `probe` (m, P, P).

    Pixels at or above `saturation`, in the units of the patterns, are unmeasured. Raises `ConfigError`.
    """
    plan = schedule(scan.mean_counts, count, start=start)
    offset = NONE
    if count >= _UNBIASED_SWEEPS:
        offset = photon_offset(scan, plan.patience, saturation=saturation)
        if not (offset.added > 0 and explained_by_noise(scan, probe, saturation=saturation)):
            offset = NONE
    return FixedSweeps(plan, _regularisations(plan, unbiased=offset.added > 0), offset, seed)


def _regularisations(plan: Schedule, *, unbiased: bool) -> tuple[float, ...]:
    count = len(plan.steps)
    third = count // 3 if unbiased else 0
    low, high = plan.regularisation / _UNBIASED_FACTOR, min(2.0, plan.regularisation * _UNBIASED_FACTOR)
    return (*[low] * third, *[plan.regularisation] * (count - 2 * third), *[high] * third)
