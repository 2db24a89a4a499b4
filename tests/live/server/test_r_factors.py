"""R-factors: what is sent to a viewer adds up to what is known, once, whenever it came; newest first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.live.server import board as board_module
from ptychoscope.live.server import r_factors as module
from ptychoscope.live.server.board import Board
from ptychoscope.live.server.packing import unpack
from ptychoscope.live.server.r_factors import Factors, Wanted
from ptychoscope.live.serving import reporter as reporter_module
from ptychoscope.live.serving.frame_view import r_factors
from ptychoscope.live.serving.reporter import Reporter
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings

from ..scan_events import ListedSource, events_of
from .running import some_scan

STEP = st.one_of(
    st.tuples(st.just("extend"), st.integers(0, 30)),
    st.tuples(st.just("compute"), st.integers(1, 12)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("look"), st.integers(0, 2)),
)


def put(known, header, payload):
    """What a page knows after a message."""
    now, read = np.full(header["count"], np.nan, np.float32), 0
    if not header.get("whole"):
        now[: len(known)] = known
    for first, count in header["ranges"]:
        values = payload[read : read + count]
        assert not (now[first : first + count] == values).any()  # it had them
        now[first : first + count] = values
        read += count
    assert read == len(payload)
    return now


@given(st.lists(STEP, max_size=40), st.integers(1, 7), st.integers(1, 3), st.data())
def test_viewers_are_sent_what_they_do_not_have_and_nothing_twice(steps, most_values, most_ranges, data):
    """Viewers that come at any time, and look at any time, with messages of any size."""
    factors, wanted, turn = Factors(), Wanted(), 0
    seen = {viewer: (None, np.empty(0, np.float32)) for viewer in range(3)}

    def compute(most):
        nonlocal turn
        low = data.draw(st.integers(0, len(factors)))
        within, turn, last = [(0, low // 2), (low, len(factors))], turn + 1, len(factors) + 1
        for first, stop in list(wanted.blocks(within, most))[:2]:
            assert 0 < stop - first <= most
            assert stop < last  # the newest first
            assert any(a <= first < stop <= b for a, b in within)
            wanted.done(first, stop)
            factors.put(first, turn + np.arange(stop - first, dtype=np.float32) / 64, turn)
            last = stop

    def look(viewer):
        since, known = seen[viewer]
        messages = [unpack(message) for message in factors.messages({}, since)]
        assert [k for k, (header, _) in enumerate(messages) if header.get("whole")] == [0] * (since is None)
        for header, payload in messages:
            assert len(payload) <= most_values
            assert len(header["ranges"]) <= most_ranges
            known = put(known, header, payload)
        np.testing.assert_array_equal(known, factors.values)
        seen[viewer] = factors.version, known

    def extend(count):
        wanted.extend(count)
        factors.extend(count)

    acts = {"extend": extend, "close": lambda _: wanted.want_all(), "compute": compute, "look": look}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_VALUES", most_values)
        patch.setattr(module, "MOST_RANGES", most_ranges)
        for what, size in [*steps, ("look", 0), ("look", 1), ("look", 2)]:
            acts[what](size)


def test_a_turn_computes_no_more_than_its_time_allows(monkeypatch):
    """The newest block at least; what is known is painted only where it is watched."""
    scan = some_scan()
    settings = LiveSettings(probe=scan.probe, position_unit="px", window_frames=16, closing_sweeps=1)
    session = LiveSession([ListedSource(events_of(scan))], settings, diagnose=False)
    session.run()
    monkeypatch.setattr(reporter_module, "_BLOCK_PX", 32 * 16**2)
    reporter, result = Reporter(session), session.run_now.result
    board = Board(reporter.turn)
    for limit, running in (("_LIVE_S", True), ("_FACTORS_S", False)):
        session.run_now.result = None if running else result
        with monkeypatch.context() as patch:
            patch.setattr(reporter_module, limit, 0.0)
            for turn in range(1, 4):
                _, cost = board.turn(["r_factor"])
                assert cost.header["held_s"] == 0  # the loop waits for nothing
                known = np.isfinite(board.factors.values)
                assert known[len(scan) - 32 * turn :].all()
                assert not running or not known[: len(scan) - 32 * turn].any()
    assert len(board.planes["misfit"]) == 0
    monkeypatch.setattr(board_module, "_BLOCK_PAINTED", len(scan))
    for _ in range(len(scan) // 32):
        board.turn(["r_factor", "image:misfit"])
    assert np.isfinite(board.factors.values).all()
    y, x = np.rint(board.positions_px[-1]).astype(int) - board.box.origin_px
    assert board.whole("misfit")[y, x] == board.factors.values[-1]
    version = board.version
    board.turn(["r_factor", "image:misfit"])
    assert board.version == version  # all is known: nothing is computed


def test_the_definition(rng):
    measured = rng.poisson(40, (5, 8, 8)).astype(np.float32)
    predicted = rng.uniform(10, 70, (5, 8, 8)).astype(np.float32)
    measured[1, :3] = np.nan
    measured[2] = np.nan
    measured[3] = 0
    found = r_factors(measured, predicted)
    for k in (0, 1, 4):
        known = np.isfinite(measured[k])
        amplitude = np.sqrt(measured[k][known].astype(np.float64))
        apart = np.abs(amplitude - np.sqrt(predicted[k][known]))
        np.testing.assert_allclose(found[k], apart.sum() / amplitude.sum(), rtol=1e-6)
    assert np.isnan(found[2:4]).all()
