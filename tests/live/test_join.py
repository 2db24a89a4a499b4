"""Which frames and positions belong together, when a series is over, and what is counted where."""

import numpy as np
import pytest

from live_events import (
    PIXELS,
    assert_own,
    balance,
    end,
    frame,
    header,
    numbers,
    own_positions,
    positions,
    taken,
)
from ptychoscope.errors import ConfigError
from ptychoscope.live.events import Damaged, Event, Positions, PositionsStart
from ptychoscope.live.join import Join


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


def test_a_run_that_starts_is_not_of_a_series_that_was_under_way():
    """Its positions were never heard, and their numbers would come again."""
    join = Join()
    joined = taken(join, [frame(2, 7), frame(3, 7), PositionsStart(arrived_s=0.0), positions(0, 5, of=8)])
    assert joined == []
    joined += taken(join, [frame(4, 7), header(8), *(frame(n, 8) for n in range(5))])
    assert numbers(joined) == [(8, n) for n in range(5)]
    assert_own(joined)


def test_a_series_is_over_when_both_its_streams_are():
    join = Join()
    begun = [header(1, 3), PositionsStart(arrived_s=0.0), frame(0), positions(1, 1)]
    taken(join, [*begun, end(1)])
    assert join.open_series == [1]
    join.take(PositionsStart(arrived_s=0.0))  # the end of the run was lost
    assert join.open_series == []
    assert balance(join, []) == {
        "frames": {"no_position": 1, "never_arrived": 2},
        "positions": {"no_frame": 1, "never_arrived": 1},
    }


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
