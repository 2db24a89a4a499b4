"""What is received is placed, lost for one cause, or in hand; latencies to a bucket; sets and tables."""

import json
import sys
import threading
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.live.account import CAUSES, Account
from ptychoscope.live.events import LostCause
from ptychoscope.live.latency import LatencyHistogram
from ptychoscope.live.number_set import NumberSet
from ptychoscope.live.waiting_positions import PAGE, WaitingPositions


def test_every_cause_has_a_counter_and_the_snapshot_is_plain_numbers():
    account = Account()
    account.receive(10)
    for cause in get_args(LostCause):
        account.lose(cause)
    account.place([0.001])
    account.receive_positions(5)
    account.use_positions(3)
    account.lose_positions("no_frame", 1)
    found = json.loads(json.dumps(account.snapshot()))
    assert found["frames"]["lost"] == dict.fromkeys(CAUSES, 1) == account.lost
    # the one that never arrived was not received
    assert found["frames"]["in_hand"] == account.in_hand == 10 - 1 - (len(CAUSES) - 1)
    assert found["positions"] == {
        "received": 5,
        "used": 3,
        "in_hand": 1,
        "lost": dict.fromkeys(CAUSES, 0) | {"no_frame": 1},
    }
    assert (account.received, account.placed) == (10, 1)


def test_threads_lose_no_count():
    account = Account()

    def work() -> None:
        for _ in range(300):
            account.receive()
            account.lose("dark")
            account.place([0.1])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert (account.received, account.placed, account.lost["dark"]) == (1200, 1200, 1200)


@given(st.lists(st.floats(2e-6, 900), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_at_most_a_bucket_above_the_true_one(durations, fraction):
    histogram = LatencyHistogram()
    for part in np.array_split(durations, 3):
        histogram.add(part)
    true = np.sort(durations)[int(np.ceil(fraction * len(durations))) - 1]
    found = histogram.quantile_s(fraction)
    assert true * (1 - 1e-9) <= found <= true * 10 ** (1 / 40) * (1 + 1e-9)
    assert found <= max(durations)


@given(st.lists(st.floats(2e-6, 900), max_size=100), st.floats(1e-5, 100))
def test_cumulative_counts_are_those_of_the_durations_to_within_a_bucket(durations, edge):
    histogram = LatencyHistogram()
    histogram.add(durations)
    (found,) = histogram.cumulative([edge])
    values, width = np.array(durations), 10 ** (1 / 40) * (1 + 1e-6)
    assert (values <= edge / width).sum() <= found <= (values <= edge * width).sum()
    assert histogram.cumulative([0.0, 1e9]) == [0, len(durations)]


def test_latencies_that_cannot_be_count_as_none():
    histogram = LatencyHistogram()
    assert histogram.snapshot() == dict.fromkeys(
        ("count", "sum_s", "mean_s", "p50_s", "p95_s", "p99_s", "largest_s"), 0
    )
    histogram.add([np.nan, -1.0, np.inf, 1e9])
    histogram.add([])
    histogram.add(0.5)
    assert len(histogram) == 5
    assert histogram.snapshot()["largest_s"] == 1e9
    assert histogram.quantile_s(0.5) <= 1e-6


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 70)), max_size=12))
def test_a_number_set_is_a_set(ranges):
    numbers, plain = NumberSet(), set()
    for first, count in ranges:
        new = numbers.add_range(first, count)
        assert new.tolist() == [n not in plain for n in range(first, first + count)]
        plain |= set(range(first, first + count))
        assert len(numbers) == len(plain)
    assert [n for n in range(400) if n in numbers] == sorted(plain)
    assert numbers.lowest == min(plain, default=None)
    assert numbers.stop == max(plain, default=-1) + 1
    assert -1 not in numbers


@pytest.mark.parametrize("number", [0, 7, 8, 511, 512, 100_000])
def test_numbers_come_one_by_one_too(number):
    numbers = NumberSet()
    assert numbers.add(number)
    assert not numbers.add(number)
    assert (number in numbers, number + 1 in numbers, len(numbers)) == (True, False, 1)


@given(st.lists(st.tuples(st.integers(0, 3 * PAGE), st.integers(1, 2 * PAGE)), max_size=5), st.data())
def test_waiting_positions_are_a_table(blocks, data):
    table, plain = WaitingPositions(), {}
    for first, count in blocks:
        numbers = np.arange(first, first + count)
        wanted = np.array([n % 7 != 0 and n not in plain for n in numbers.tolist()])
        yx = np.stack([numbers, numbers + 0.5], axis=1)
        table.put(first, yx, wanted)
        plain |= {n: (float(n), n + 0.5) for n in numbers[wanted].tolist()}
        for number in data.draw(st.lists(st.integers(0, 5 * PAGE), max_size=10)):
            assert table.take(number) == plain.pop(number, None)
        assert len(table) == len(plain)
        assert len(table) <= table.room <= PAGE * len({n // PAGE for n in plain})
    while len(table):
        before = len(table)
        assert table.drop_oldest() == before - len(table)
    assert (table.drop_oldest(), table.clear(), table.room) == (0, 0, 0)
