"""MovingWindowRefiner: sweeps that keep up with a running scan.

A batch that arrives is placed (by a network's patches, where there are any), then the last `window_frames`
frames are swept once: wide enough that neighbouring rows overlap, narrow enough that a batch costs less than
a millisecond. A few full sweeps close the scan.
"""

from typing import Any

from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.probe_intensity import probe_power
from ptychoscope.progress import NOBODY, Watch
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.refiner_arguments import Scratch
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.refine.sweep_findings import Sweep

WINDOW_FRAMES = 64
_VISIT_DECAY = 0.5


class MovingWindowRefiner:
    """A `Refiner` for frames that arrive in batches.

    Parameters
    ----------
    shape
        (H, W) of the object in pixels.
    probe
        (P, P) or (m, P, P) complex; its summed intensity, the photons per pattern, sets steps and
        regularisation (`schedule`).
    window_frames
        How many of the latest frames each batch sweeps once.
    threads
        Threads of the sweeps; the result does not depend on them.
    seed
        Of the order in which frames are visited.
    scratch
        Where the frames lie, as for `Refiner`.

    Raises `ConfigError` and `ScanError` as `Refiner` does.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        probe: NDArray[Any],
        *,
        window_frames: int = WINDOW_FRAMES,
        threads: int = 1,
        seed: int = 0,
        scratch: Scratch | None = None,
    ) -> None:
        if window_frames < 1:
            raise ConfigError(f"window_frames must be at least 1, got {window_frames}")
        self.refiner = Refiner(shape, probe, threads=threads, scratch=scratch)
        self.window_frames = window_frames
        self._photons = probe_power(self.refiner.probe)
        self._plan = schedule(self._photons, 1)
        self._seed = seed << 20
        self.closing_sweeps = 0
        """Full sweeps that `close` did."""

    def add(
        self,
        patterns: NDArray[Any],
        positions_px: NDArray[Any],
        *,
        domain: Domain,
        patches: NDArray[Any] | None = None,
    ) -> Sweep:
        """Add a batch as `Refiner.add` does (unmeasured pixels are negative), start it from `patches` (n, P,
        P) complex, sweep the window, or the batch where that is larger."""
        first = len(self.refiner)
        self.refiner.add(patterns, positions_px, domain=domain)
        if patches is not None:
            self.refiner.blend(patches, first=first)
        return self.refiner.sweep(
            step=self._plan.live_step,
            regularisation=self._plan.regularisation,
            visit_decay=_VISIT_DECAY,
            first=max(0, min(first, len(self.refiner) - self.window_frames)),
            seed=self._next_seed(),
        )

    def close(self, *, sweeps: int = 3, watch: Watch = NOBODY) -> Sweep:
        """Full sweeps with decaying steps until `watch` stops them, then one that examines: what it found."""
        plan, done = schedule(self._photons, sweeps, start="image"), 0
        while done < sweeps and not watch.stopped:
            found = self.refiner.sweep(
                step=plan.steps[done], regularisation=plan.regularisation, seed=self._next_seed()
            )
            done += 1
            watch.tell("sweeps", done, sweeps, found.misfit)
        self.closing_sweeps = done
        return self.refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed
