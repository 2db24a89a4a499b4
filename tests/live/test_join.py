"""Frames and positions are joined by number, exactly once, whatever happens to them on their way."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.live.events import (
    Damaged,
    Event,
    Frame,
    Positions,
    PositionsEnd,
    PositionsStart,
    SeriesEnd,
    SeriesStart,
)
from ptychoscope.live.join import Join, Joined
from ptychoscope.live.waiting_positions import PAGE
from ptychoscope.stitch.canvas import Canvas

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


@dataclass
class Wire:
    """A series on its way: messages in the order of arrival, and what survived."""

    count: int
    events: list[Event]
    frames: list[int]
    positions: list[int]


@st.composite
def wires(draw: st.DrawFn, most: int = 40) -> Wire:
    """Any loss, repetition, order, delay against each other, and split of positions into messages."""
    count = draw(st.integers(0, most))
    copies = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    frames = [number for number, times in enumerate(copies) for _ in range(times)]
    cuts = sorted(draw(st.sets(st.integers(1, max(1, count - 1)))) - {count}) if count else []
    blocks = [(a, b - a) for a, b in zip([0, *cuts], [*cuts, count], strict=True) if b > a]
    sent = [block for block in blocks for _ in range(draw(st.integers(0, 2)))]
    events: list[Event] = [frame(number) for number in frames]
    events += [positions(first, size) for first, size in sent]
    arrived = [first + k for first, size in sent for k in range(size)]
    return Wire(count, draw(st.permutations(events)), frames, arrived)


@given(wires())
def test_every_pair_that_survives_is_joined_once_and_every_other_one_is_in_one_counter(wire):
    join = Join()
    events = [header(frames=wire.count), PositionsStart(arrived_s=0.0), *wire.events, end()]
    joined = taken(join, events)
    join.settle()
    frames, places = set(wire.frames), set(wire.positions)
    assert sorted(numbers(joined)) == [(1, number) for number in sorted(frames & places)]
    assert_own(joined)
    expected = {
        "frames": {
            "repeated": len(wire.frames) - len(frames),
            "no_position": len(frames - places),
            "never_arrived": wire.count - len(frames),
        },
        "positions": {
            "repeated": len(wire.positions) - len(places),
            "no_frame": len(places - frames),
            "never_arrived": max(places, default=-1) + 1 - len(places),
        },
    }
    found = balance(join, joined)
    assert found == {name: {c: n for c, n in causes.items() if n} for name, causes in expected.items()}
    assert join.account.received == len(wire.frames)
    assert (join.frames_waiting, join.bytes_waiting, join.positions_waiting) == (0, 0, 0)


@given(wires(), st.data())
def test_a_header_that_is_late_changes_nothing(wire, data):
    """Frames before their header, positions before either: the pairs are the same."""
    events: list[Event] = [PositionsStart(arrived_s=0.0), *wire.events]
    events.insert(data.draw(st.integers(0, len(events))), header(frames=wire.count))
    join = Join()
    joined = taken(join, [*events, end()])
    join.settle()
    assert sorted(numbers(joined)) == [(1, n) for n in sorted(set(wire.frames) & set(wire.positions))]
    assert_own(joined)
    balance(join, joined)


@given(wires(), st.integers(0, 2**32 - 1))
def test_the_mosaic_is_bit_for_bit_that_of_the_surviving_pairs(wire, seed):
    rng = np.random.default_rng(seed)
    patches = rng.normal(size=(wire.count, 2, 6, 6)).astype(np.float32)
    patches = (patches[:, 0] + 1j * patches[:, 1]).astype(np.complex64)
    places = rng.uniform(0, 30, (wire.count, 2))
    live, offline = (Canvas((30, 30), accumulate="exact") for _ in range(2))
    join = Join()
    join.take(header(frames=wire.count))
    join.take(PositionsStart(arrived_s=0.0))
    for event in wire.events:
        if isinstance(event, Positions):
            object.__setattr__(event, "yx", places[event.first : event.first + len(event.yx)])
        for pair in join.take(event):
            live.add(patches[pair.frame.number][None], np.array([pair.position]))
    kept = sorted(set(wire.frames) & set(wire.positions))
    offline.add(patches[kept], places[kept])
    np.testing.assert_array_equal(live.image(), offline.image())
    np.testing.assert_array_equal(live.coverage(), offline.coverage())
    np.testing.assert_array_equal(live.spread(), offline.spread())


@given(wires(most=60), st.integers(1, 6))
def test_memory_is_bounded_and_what_it_costs_is_counted(wire, most_frames):
    join = Join(most_frames=most_frames, most_positions=PAGE)
    joined = []
    for event in [header(frames=wire.count), PositionsStart(arrived_s=0.0), *wire.events]:
        joined += join.take(event)
        assert join.frames_waiting <= most_frames
        assert join.positions_waiting <= PAGE
    join.settle()
    assert len(set(numbers(joined))) == len(joined)
    assert_own(joined)
    balance(join, joined)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Event], set[tuple[int, int]]]:
    """Three series as frames and as runs of positions, each stream in order, with losses, interleaved.

    The start of a run comes after the header of the series before and before that of the series after.
    """
    order: list[Event] = []
    pairs = set()
    queues: list[list[Event]] = []
    for series in (1, 2, 3):
        count = draw(st.integers(1, 6))
        kept = draw(st.sets(st.integers(0, count - 1)))
        known = draw(st.sets(st.integers(0, count - 1)))
        pairs |= {(series, n) for n in kept & known}
        queues.append([header(series, count), *(frame(n, series) for n in sorted(kept)), end(series)])
        run = [positions(n, 1, of=series) for n in sorted(known)]
        queues.append([PositionsStart(arrived_s=0.0), *run, PositionsEnd(arrived_s=0.0)])
    frames = [event for queue in queues[::2] for event in queue]
    places = [event for queue in queues[1::2] for event in queue]
    headers = starts = 0
    while frames or places:
        next_is_header = bool(frames) and isinstance(frames[0], SeriesStart)
        next_is_start = bool(places) and isinstance(places[0], PositionsStart)
        may_frame = bool(frames) and not (next_is_header and headers - starts >= 1)
        may_place = bool(places) and not (next_is_start and starts - headers >= 1)
        from_frames = may_frame and (not may_place or draw(st.booleans()))
        headers += from_frames and next_is_header
        starts += (not from_frames) and next_is_start
        order.append((frames if from_frames else places).pop(0))
    return order, pairs


@given(streams())
def test_no_frame_takes_a_position_of_another_series(stream):
    events, pairs = stream
    join = Join()
    joined = taken(join, events)
    join.settle()
    assert_own(joined)
    assert set(numbers(joined)) <= pairs
    assert len(set(numbers(joined))) == len(joined)
    lost = balance(join, joined)
    assert set(lost["frames"]) <= {"no_position", "never_arrived"}


def test_two_series_with_late_positions_are_both_whole():
    join = Join()
    events = [
        header(1, 2),
        PositionsStart(arrived_s=0.0),
        *(frame(0), frame(1), end(1), header(2, 2), frame(0, 2)),
        positions(0, 2, of=1),
        PositionsStart(arrived_s=0.0),
        positions(0, 2, of=2),
        *(frame(1, 2), end(2)),
    ]
    joined = taken(join, events)
    assert numbers(joined) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert_own(joined)
    assert [s.series for s in join.settled] == [1, 2]
    assert balance(join, joined) == {"frames": {}, "positions": {}}


def test_a_running_series_is_joined_in_the_middle():
    join = Join()
    joined = taken(join, [frame(500), positions(498, 4), frame(501), frame(503), end(1)])
    join.settle()
    assert numbers(joined) == [(1, 500), (1, 501)]
    (settled,) = join.settled
    assert (settled.first, settled.expected, settled.never_arrived) == (500, 4, 1)
    assert balance(join, joined) == {
        "frames": {"no_position": 1, "never_arrived": 1},
        "positions": {"no_frame": 2},
    }


def test_positions_of_a_run_joined_in_the_middle_wait_for_no_series_that_begins_later():
    join = Join()
    joined = taken(join, [positions(0, 1, of=9)])  # from 0 on: the start itself was missed
    joined += taken(join, [header(1), frame(0)])
    assert len(joined) == 1
    join = Join()
    joined = taken(join, [positions(7, 3, of=9), header(1), *(frame(n) for n in range(10))])
    assert joined == []
    joined += taken(join, [PositionsStart(arrived_s=0.0), positions(0, 10)])
    assert numbers(joined) == [(1, n) for n in range(10)]
    assert_own(joined)


def test_a_run_under_way_gives_way_to_one_that_starts():
    join = Join()
    joined = taken(join, [header(1), positions(5, 2, of=9), PositionsStart(arrived_s=0.0)])
    joined += taken(join, [frame(5), positions(0, 6)])
    assert numbers(joined) == [(1, 5)]
    assert_own(joined)


def test_a_run_that_begins_long_after_a_series_is_of_the_next():
    """A dark series has no positions; those of the next may come before its header."""
    join = Join(late_start_s=1.0)
    joined = taken(join, [header(1), frame(0), end(1, at=10.0), PositionsStart(arrived_s=11.5)])
    joined += taken(join, [positions(0, 1, of=2, at=11.5), header(2, at=12.0), frame(0, 2, at=12.0)])
    assert numbers(joined) == [(2, 0)]
    assert_own(joined)
    join = Join(late_start_s=1.0)
    joined = taken(join, [header(1), frame(0), end(1, at=10.0), PositionsStart(arrived_s=10.5)])
    assert numbers(joined + taken(join, [positions(0, 1, at=10.5)])) == [(1, 0)]


def test_positions_that_name_their_series_go_nowhere_else():
    join = Join()
    joined = taken(join, [header(4), frame(0, 4), positions(0, 1, of=4, series=4), end(4)])
    assert_own(joined)
    assert len(joined) == 1
    joined = taken(join, [positions(0, 1, of=4, series=4), frame(1, 4), header(5), frame(0, 5)])
    assert joined == []
    assert join.account.lost["stray"] == 1
    assert join.account.snapshot()["positions"]["lost"]["stray"] == 1


def test_given_positions_are_those_of_every_series():
    table = own_positions(3)
    table[1] = np.nan
    join = Join(given=table)
    joined = taken(join, [header(1), *(frame(n) for n in range(4)), end(1)])
    assert [pair.position for pair in joined] == [(1.0, 0.25), (1.0, 2.25)]
    assert join.open_series == []
    joined += taken(join, [header(2), frame(2, 2), end(2)])
    assert joined[-1].position == (1.0, 2.25)
    lost = balance(join, joined)
    assert lost["frames"] == {"no_position": 2, "never_arrived": 2}
    assert lost["positions"] == {"no_frame": 1}


def test_frames_that_bring_their_own_positions_wait_for_nobody():
    join = Join()
    joined = taken(join, [header(1, 2), frame(0, position=(3.0, 4.0)), frame(1, position=(np.inf, 0.0))])
    assert [pair.position for pair in joined] == [(3.0, 4.0)]
    join.take(end(1))
    assert join.open_series == []
    assert balance(join, joined)["frames"] == {"outside": 1}


@pytest.mark.parametrize("frame_first", [True, False])
def test_a_position_that_is_not_finite_places_nothing(frame_first):
    bad = Positions(series=None, first=0, yx=np.array([[np.nan, 1.0], [2.0, 3.0]]), arrived_s=0.0)
    events: list[Event] = [frame(0), bad] if frame_first else [bad, frame(0)]
    join = Join()
    joined = taken(join, [header(1), *events, frame(1)])
    assert numbers(joined) == [(1, 1)]
    assert balance(join, joined) == {"frames": {"outside": 1}, "positions": {"outside": 1}}


def test_a_damaged_frame_is_lost_once():
    damaged = Damaged(arrived_s=0.0, what="cut", series=1, number=1)
    join = Join()
    joined = taken(join, [header(1, 3), PositionsStart(arrived_s=0.0), positions(0, 3), frame(0), damaged])
    joined += taken(join, [frame(2), end(1)])
    assert join.open_series == []
    assert balance(join, joined) == {"frames": {"damaged": 1}, "positions": {"no_frame": 1}}


@pytest.mark.parametrize("damaged_first", [True, False])
def test_a_damaged_frame_that_comes_once_more_is_placed(damaged_first):
    damaged, good = Damaged(arrived_s=0.0, what="cut", series=1, number=0), frame(0)
    join = Join(given=own_positions(2))
    order: list[Event] = [damaged, good] if damaged_first else [good, damaged]
    joined = taken(join, [header(1, 2), *order, end(1)])
    assert numbers(joined) == [(1, 0)]
    assert balance(join, joined)["frames"] == {"damaged": 1, "never_arrived": 1}


def test_a_message_of_positions_that_is_none_loses_no_frame():
    join = Join()
    join.take(Damaged(arrived_s=0.0, what="garbage", of_positions=True))
    for bad in (positions(0, 1), positions(0, 1)):
        object.__setattr__(bad, "yx", np.zeros((1, 3)))
        join.take(bad)
    join.take(Positions(series=None, first=-1, yx=np.zeros((1, 2)), arrived_s=0.0))
    join.take(Positions(series=None, first=2**40, yx=np.zeros((1, 2)), arrived_s=0.0))
    assert balance(join, []) == {"frames": {}, "positions": {"damaged": 5}}


def test_numbers_that_cannot_be_are_damaged():
    join = Join()
    assert taken(join, [header(1), frame(-1), frame(2**40)]) == []
    assert balance(join, [])["frames"] == {"damaged": 2}


@pytest.mark.parametrize(
    ("announced", "closing", "missing"),
    [
        (5, [end(1)], 3),
        (5, [end(1, 4)], 2),
        (5, [end(1, aborted=True)], 1),
        (None, [end(1)], 1),
        (5, [header(2)], 3),
    ],
)
def test_what_was_announced_or_sent_and_did_not_come_is_counted(announced, closing, missing):
    join = Join(given=own_positions(5))
    joined = taken(join, [header(1, announced), frame(0), frame(2), *closing])
    assert join.settled[0].never_arrived == missing
    assert balance(join, joined)["frames"] == {"never_arrived": missing}


def test_the_stray_end_and_frames_of_an_aborted_series_do_no_harm():
    join = Join(given=own_positions(3))
    joined = taken(
        join, [end(6), frame(8, 6), header(7, 2), frame(9, 6), end(6), frame(0, 7), frame(1, 7), end(7)]
    )
    assert numbers(joined) == [(7, 0), (7, 1)]
    assert balance(join, joined)["frames"] == {"no_position": 1, "stray": 1}


def test_a_detector_that_starts_again_may_count_its_series_anew():
    join = Join(given=own_positions(1))
    joined = taken(
        join, [header(9), frame(0, 9), end(9), header(1), frame(0, 1), end(1), header(1), frame(0, 1)]
    )
    assert numbers(joined) == [(9, 0), (1, 0), (1, 0)]


def test_the_frame_that_waits_longest_goes_first_by_bytes_too():
    join = Join(most_bytes=3 * PIXELS.nbytes)
    taken(join, [header(1), *(frame(n) for n in (4, 2, 3, 1))])
    assert join.bytes_waiting == 3 * PIXELS.nbytes
    joined = taken(join, [PositionsStart(arrived_s=0.0), positions(0, 5)])
    assert numbers(joined) == [(1, 1), (1, 2), (1, 3)]
    assert join.account.lost["no_position"] == 1


def test_the_later_of_the_two_says_when_a_pair_was_ready():
    join = Join()
    joined = taken(join, [header(1), frame(0, at=1.0), positions(0, 2, at=3.0), frame(1, at=5.0)])
    assert [pair.ready_s for pair in joined] == [3.0, 5.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"most_frames": 0}, "most_frames"), ({"given": np.zeros((3, 3))}, r"\(n, 2\)")],
)
def test_limits_that_cannot_be_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Join(**options)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_a_long_series_with_faults_stays_small(seed):
    """Ten thousand frames of which some are lost, late or twice: what waits is what was lost lately."""
    rng = np.random.default_rng(seed)
    join = Join(most_frames=200, most_positions=4 * PAGE)
    taken(join, [header(1, 10_000), PositionsStart(arrived_s=0.0)])
    joined = 0
    for first in range(0, 10_000, 50):
        block = [frame(n) for n in first + rng.permutation(50) if rng.random() > 0.05]
        block += [frame(first)] * int(rng.integers(0, 2))
        if rng.random() > 0.02:
            block.insert(int(rng.integers(0, len(block) + 1)), positions(first, 50))
        joined += len(taken(join, block))
        assert join.frames_waiting <= 200
        assert join.positions_waiting <= 4 * PAGE
    join.take(end(1))
    join.settle()
    found = join.account.snapshot()
    assert found["positions"]["used"] == joined
    assert found["frames"]["in_hand"] == joined
