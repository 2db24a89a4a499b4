"""Frames and positions are joined by number, exactly once, whatever happens to them on their way."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from live_events import assert_own, balance, end, frame, header, numbers, positions, taken
from ptychoscope.live.events import Event, Positions, PositionsEnd, PositionsStart, SeriesStart
from ptychoscope.live.join import Join
from ptychoscope.live.waiting_positions import PAGE
from ptychoscope.stitch.canvas import Canvas


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


@given(wires(), st.lists(st.integers(0, 100), max_size=4))
def test_a_cut_changes_no_pair_and_no_count_and_every_pair_is_of_one_part(wire, cuts):
    """Pairs before a cut are of the part before it; what waits then is of the part in which it is joined."""
    events = [header(frames=wire.count), PositionsStart(arrived_s=0.0), *wire.events, end()]
    plain, cut = Join(), Join()
    expected = taken(plain, events)
    plain.settle()
    parts, gone, told = [[]], [], []
    for k, event in enumerate(events):
        for _ in range(cuts.count(k)):
            before = cut.cut()
            assert (1 in before) == bool(parts[-1])  # what is empty is not ended
            if parts[-1]:
                gone.append(set(np.flatnonzero(before[1]).tolist()))
                parts.append([])
        parts[-1] += cut.take(event)
        while cut.settled:
            told.append(cut.settled.popleft())
    cut.settle()
    told += cut.settled
    joined = [pair for part in parts for pair in part]
    assert numbers(joined) == numbers(expected)
    assert_own(joined)
    assert balance(cut, joined) == balance(plain, expected)
    for k, part in enumerate(parts):
        later = set().union(*gone[k:]) if gone[k:] else set(range(wire.count))
        before = set().union(*gone[:k])
        assert {pair.frame.number for pair in part} <= later - before
    assert [(each.part, each.joined, each.cut) for each in told] == [
        (k, len(part), k < len(parts)) for k, part in enumerate(parts, 1)
    ]
    whole = plain.settled[0]
    for name in ("expected", "arrived", "joined", "no_position", "never_arrived"):
        assert sum(getattr(each, name) for each in told) == getattr(whole, name), name


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
