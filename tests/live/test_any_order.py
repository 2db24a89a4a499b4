"""Whatever is lost, late, repeated or out of order: the exact mosaic is that of the surviving frames."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from offline_mosaic import offline_mosaic

from ptychoscope.live.account import balanced
from ptychoscope.live.events import Positions
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.simulate import SimulationConfig, simulate_scan

from .scan_events import ListedSource, events_of, frames_of

SCAN = simulate_scan(
    SimulationConfig(patch_px=16, rows=4, columns=6, step_px=4, domain="counts", sub_pixel=True, seed=6)
)


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), loss=st.floats(0, 0.5), late=st.booleans(), batch=st.integers(1, 9))
def test_the_mosaic_is_that_of_the_surviving_pairs(tiny_model, seed, loss, late, batch):
    rng = np.random.default_rng(seed)
    ends = events_of(SCAN)
    frames = [frame for frame in frames_of(SCAN, positions=not late) if rng.random() > loss]
    events = frames + [frame for frame in frames if rng.random() < 0.2]
    if late:
        events += [
            Positions(series=1, first=k, yx=SCAN.positions_px[k : k + 1], arrived_s=0.0)
            for k in range(len(SCAN))
            if rng.random() > loss
        ]
    shuffled = [events[k] for k in rng.permutation(len(events))]
    session = LiveSession(
        [ListedSource([ends[0], *shuffled, replace(ends[-1], frames=len(SCAN))], at_once=batch)],
        LiveSettings(probe=SCAN.probe, position_unit="px", model="tiny", window_frames=0, idle_s=0.2),
        model=tiny_model,
        diagnose=False,
    )
    figures = session.run()
    assert balanced(figures)
    sent = {frame.number for frame in frames}
    known = sent if not late else sent & {event.first for event in events if isinstance(event, Positions)}
    lost = figures["frames"]["lost"]
    assert figures["frames"]["placed"] == len(known)
    assert lost["no_position"] == len(sent) - len(known)
    assert lost["repeated"] == len(events) - len(frames) - sum(isinstance(e, Positions) for e in events)
    if not known:
        return
    result = session.results[1]
    numbers = np.array(sorted(known))
    np.testing.assert_array_equal(np.sort(result.frame_numbers), numbers)
    canvas = offline_mosaic(tiny_model, SCAN, SCAN.positions_px, result)
    assert result.object.tobytes() == canvas.image().tobytes()
    assert result.spread.tobytes() == canvas.spread().tobytes()
