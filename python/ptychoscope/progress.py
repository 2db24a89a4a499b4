"""Progress: how far a run is. Watch: who is told, and who may end it early with what is there."""

from collections.abc import Callable
from dataclasses import dataclass

from ptychoscope.option_literals import Stage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    stage: Stage
    """What it does: frames go through the `network`, or `arrival` of a replay without one, `choice` of what
    the solver mends, `sweeps`; and all of them for the `first half` and the `second half` of the frames."""
    done: int
    """Frames (times the network's passes) or sweeps so far."""
    of: int
    """How many it will be; a solver that chooses may end earlier."""
    misfit: float | None = None
    """What the last sweep found; None where none was done."""


@dataclass(frozen=True)
class Watch:
    """Who is told how far a run is, and who may end it early."""

    progress: Callable[[Progress], None] | None = None
    """Called after every batch and every sweep."""
    stop: Callable[[], bool] | None = None
    """Asked after every batch and every sweep: True ends the run with what is there."""

    def tell(self, stage: Stage, done: int, of: int, misfit: float | None = None) -> None:
        """Say how far the run is."""
        if self.progress is not None:
            self.progress(Progress(stage, done, of, misfit))

    @property
    def stopped(self) -> bool:
        """Whether the run shall end."""
        return self.stop is not None and self.stop()


NOBODY = Watch()
"""Nobody is told, and nobody stops the run."""
