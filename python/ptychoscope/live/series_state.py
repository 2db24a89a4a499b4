"""What is known of one series, and of one run of positions, while frames and positions still come."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.events import Frame, Positions
from ptychoscope.live.number_set import NumberSet
from ptychoscope.live.waiting_positions import WaitingPositions


@dataclass(eq=False, kw_only=True)
class PositionRun:
    """Positions whose numbers count from 0 once: those of one series, told apart by their numbers alone."""

    from_start: bool
    """Its first message was seen; otherwise it was joined while it ran."""
    arrived_s: float
    seen: NumberSet = field(default_factory=NumberSet)
    not_finite: NumberSet = field(default_factory=NumberSet)
    waiting: WaitingPositions = field(default_factory=WaitingPositions)
    ended: bool = False
    settled: bool = False

    def note(self, event: Positions) -> tuple[NDArray[np.bool_], int, int]:
        """Which of the positions (k,) are new and finite; how many are not new, and how many not finite."""
        wanted = self.seen.add_range(event.first, len(event.yx))
        new = int(np.count_nonzero(wanted))
        repeated = len(wanted) - new
        if np.isfinite(event.yx).all():
            return wanted, repeated, 0
        finite = np.isfinite(event.yx).all(axis=1)
        for row in np.flatnonzero(wanted & ~finite):
            self.not_finite.add(event.first + int(row))
        wanted &= finite
        return wanted, repeated, new - int(np.count_nonzero(wanted))

    @property
    def never_arrived(self) -> int:
        """Numbers that were skipped."""
        start = 0 if self.from_start else self.seen.lowest or 0
        return self.seen.stop - start - len(self.seen) if len(self.seen) else 0


class _Counts(NamedTuple):
    """Of a series, when it was cut."""

    stop: int = 0
    arrived: int = 0
    joined: int = 0
    lost_waiting: int = 0


@dataclass(eq=False, kw_only=True)
class OpenSeries:
    """A series that is not settled: what it announced, which frames came, and those that wait."""

    series: int
    from_start: bool
    """Its first message was seen; otherwise it was joined while it ran."""
    announced: int | None = None
    sent: int | None = None
    ended_s: float | None = None
    """When its end arrived, or the beginning of the next."""
    aborted: bool = False
    run: PositionRun | None = None
    seen: NumberSet = field(default_factory=NumberSet)
    damaged: NumberSet = field(default_factory=NumberSet)
    """Numbers of frames that came as a message that could not be read."""
    recovered: int = 0
    """Of these, how many came once more and could be."""
    waiting: dict[int, Frame] = field(default_factory=dict)
    waiting_bytes: int = 0
    joined: int = 0
    lost_waiting: int = 0
    """Frames that waited as long as memory allowed."""
    part: int = 1
    """What is joined now is of this one; another begins with every cut."""
    _before: _Counts = field(default_factory=_Counts)
    """Up to the last cut."""

    @property
    def first(self) -> int:
        """The number from which it was listened to."""
        heard = [numbers.lowest for numbers in (self.seen, self.damaged) if numbers.lowest is not None]
        return 0 if self.from_start else min(heard, default=0)

    @property
    def stop(self) -> int:
        """One above the last number that must have been sent, as far as anybody said."""
        highest = max(self.seen.stop, self.damaged.stop)
        if self.sent is not None:
            return max(highest, self.sent)
        if self.announced is not None and not self.aborted:
            return max(highest, self.announced)
        return highest

    @property
    def never_arrived(self) -> int:
        """Numbers between `first` and `stop` of which nothing came."""
        return self.stop - self.first - len(self.seen) - len(self.damaged) + self.recovered

    @property
    def complete(self) -> bool:
        """Nothing of it can still come: all frames came and none waits, or both sides have ended."""
        if self.ended_s is None:
            return False
        all_placed = not self.waiting and not self.never_arrived
        return all_placed or (self.run is not None and self.run.ended)

    @property
    def began(self) -> bool:
        """Whether anything was joined in the present part."""
        return self.joined > self._before.joined

    def cut(self) -> "SettledSeries":
        """End the present part with what was joined: what is joined from now on is of the next one.

        Nothing is lost by it: frames that wait for positions, and numbers that are missing, wait on.
        """
        stop = max(self.seen.stop, self.damaged.stop)
        told = self.summary(stop, never_arrived=0, cut=True)
        self._before = _Counts(stop, len(self.seen), self.joined, self.lost_waiting)
        self.part += 1
        return told

    def summary(self, stop: int, *, never_arrived: int, cut: bool = False) -> "SettledSeries":
        """What became of the present part, whose numbers are below `stop`."""
        before = self._before
        first = self.first if self.part == 1 else before.stop
        return SettledSeries(
            series=self.series,
            part=self.part,
            cut=cut,
            first=first,
            expected=stop - first,
            arrived=len(self.seen) - before.arrived,
            joined=self.joined - before.joined,
            no_position=self.lost_waiting - before.lost_waiting,
            never_arrived=never_arrived,
            aborted=self.aborted,
        )

    def gone(self) -> NDArray[np.bool_]:
        """(n,) which numbers wait no longer: joined or lost, in this part or one before it."""
        mask = self.seen.mask()
        mask[list(self.waiting)] = False
        return mask

    def see(self, number: int) -> bool:
        """Note that a frame came; whether it is the first of its number."""
        new = self.seen.add(number)
        self.recovered += new and number in self.damaged
        return new

    def see_damaged(self, number: int) -> None:
        """Note that a frame came which could not be read."""
        if self.damaged.add(number):
            self.recovered += number in self.seen

    def hold(self, frame: Frame) -> None:
        """Keep a frame until its position comes."""
        self.waiting[frame.number] = frame
        self.waiting_bytes += size_of(frame)

    def release(self, number: int) -> Frame:
        """A frame that waited, which waits no longer."""
        frame = self.waiting.pop(number)
        self.waiting_bytes -= size_of(frame)
        return frame

    def waiting_in(self, first: int, count: int) -> Iterator[int]:
        """Numbers from `first` to `first + count - 1` whose frames wait, in order."""
        if not self.waiting:
            return iter(())
        if count <= len(self.waiting):
            return (n for n in range(first, first + count) if n in self.waiting)
        return iter(sorted(n for n in self.waiting if first <= n < first + count))


@dataclass(frozen=True, kw_only=True)
class SettledSeries:
    """What became of a series, once nothing of it can come any more; or of a part that was cut off it."""

    series: int
    part: int
    """1 for the first, or only one."""
    cut: bool
    """More of the series may follow, as its next part."""
    first: int
    """Its first number: more than 0 when it was joined while it ran, or is a later part."""
    expected: int
    """Numbers from `first` on that were sent, as far as anybody said."""
    arrived: int
    joined: int
    no_position: int
    never_arrived: int
    aborted: bool

    def record(self) -> dict[str, int | bool]:
        """Its numbers as plain JSON; the part is named where there are several."""
        told = asdict(self)
        if not told.pop("cut") and self.part == 1:
            del told["part"]
        return told


def size_of(frame: Frame) -> int:
    """Bytes of the pixels of a frame, as it is held."""
    return frame.data.nbytes if isinstance(frame.data, (np.ndarray, memoryview)) else len(frame.data)
