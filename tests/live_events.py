"""Events of a running scan whose positions tell whose they are, and what a join made of them."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.events import Event, Frame, Positions, SeriesEnd, SeriesStart
from ptychoscope.live.join import Join, Joined

PIXELS = np.zeros((2, 2), np.uint16)


def frame(number: int, series: int = 1, *, at: float = 0.0, position=None, data=PIXELS) -> Frame:
    return Frame(
        series=series,
        number=number,
        arrived_s=at,
        data=data,
        shape=data.shape,
        dtype=data.dtype,
        position=position,
    )


def header(series: int = 1, frames: int | None = None, *, at: float = 0.0) -> SeriesStart:
    return SeriesStart(series=series, arrived_s=at, frames=frames)


def end(series: int = 1, frames: int | None = None, *, at: float = 0.0, aborted: bool = False) -> SeriesEnd:
    return SeriesEnd(series=series, arrived_s=at, frames=frames, aborted=aborted)


def own_positions(count: int, series: int = 1) -> NDArray[np.float64]:
    """Positions that tell whose they are."""
    return np.stack([np.full(count, float(series)), np.arange(count) + 0.25], axis=1)


def positions(
    first: int, count: int, of: int = 1, series: int | None = None, *, at: float = 0.0
) -> Positions:
    yx = own_positions(first + count, of)[first:]
    return Positions(series=series, first=first, yx=yx, arrived_s=at)


def taken(join: Join, events: list[Event]) -> list[Joined]:
    return [joined for event in events for joined in join.take(event)]


def numbers(joined: list[Joined]) -> list[tuple[int, int]]:
    return [(pair.frame.series, pair.frame.number) for pair in joined]


def assert_own(joined: list[Joined]) -> None:
    for pair in joined:
        assert pair.position == (float(pair.frame.series), pair.frame.number + 0.25)


def balance(join: Join, joined: list[Joined]) -> dict[str, dict[str, int]]:
    """The causes that count; nothing is in hand once the joined frames are placed."""
    join.account.place(np.zeros(len(joined)))
    found = join.account.snapshot()
    assert found["frames"]["in_hand"] == join.frames_waiting
    assert found["positions"]["in_hand"] == join.positions_waiting
    return {name: {c: n for c, n in found[name]["lost"].items() if n} for name in ("frames", "positions")}
