"""Faults on purpose: what was done is what arrives, whatever the seed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_streams import SIMULATORS, some_series, through_a_socket
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.live.dectris1.simulator import messages
from ptychoscope.live.events import Damaged, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage
from ptychoscope.live.stream_faults import SentRecord, StreamFaults, with_faults

SERIES = [
    WireMessage("start", [b"s"]),
    *(WireMessage("frame", [b"f", bytes(30)], k) for k in range(60)),
    WireMessage("end", [b"e"]),
]


@given(
    st.builds(
        StreamFaults,
        **dict.fromkeys(("loss", "repeat", "reorder", "delay", "cut", "garbage"), st.floats(0, 1)),
        span=st.integers(1, 100),
        abort_after=st.none() | st.integers(0, 70),
        seed=st.integers(0, 1000),
    )
)
def test_every_frame_is_accounted_for(faults):
    record = SentRecord()
    out = [message for _, message in with_faults(SERIES, faults, record)]
    whole = [m.number for m in out if m.kind == "frame" and len(m.parts[1]) == 30]
    assert whole == record.sent
    offered = range(60 if faults.abort_after is None else min(60, faults.abort_after))
    expected = Counter(offered) + Counter(record.repeated) - Counter(record.lost) - Counter(record.cut)
    assert Counter(whole) == expected
    assert sum(m.kind == "garbage" for m in out) == record.garbage
    assert out[0].kind == "start"
    aborted = faults.abort_after is not None and faults.abort_after < 60
    assert (out[-1].kind == "end") is not aborted
    late = set(record.late)
    in_order = [number for number in whole if number not in late]
    assert in_order == sorted(in_order)


def test_none_by_default_and_the_same_for_a_seed():
    assert [m for _, m in with_faults(SERIES, StreamFaults(), SentRecord())] == SERIES
    faults = StreamFaults(loss=0.2, reorder=0.5, cut=0.1, garbage=0.2, seed=5)
    assert list(with_faults(SERIES, faults, SentRecord())) == list(with_faults(SERIES, faults, SentRecord()))


@pytest.mark.parametrize("scheme", SIMULATORS)
def test_through_a_socket(scheme):
    faults = StreamFaults(loss=0.1, repeat=0.1, reorder=0.3, cut=0.1, garbage=0.1, seed=1)
    events, record = through_a_socket(scheme, SIMULATORS[scheme].messages(some_series(300)), faults=faults)
    kinds = Counter(map(type, events))
    assert (kinds[SeriesStart], kinds[SeriesEnd]) == (1, 1)
    assert [event.number for event in events if isinstance(event, Frame)] == record.sent
    assert kinds[Damaged] == len(record.cut) + record.garbage
    assert all((record.lost, record.repeated, record.late, record.cut, record.garbage))
    if scheme == "dectris":  # whose messages name the frame before what is cut
        damaged = [event.number for event in events if isinstance(event, Damaged) and event.series == 7]
        assert damaged == record.cut


def test_an_abort_sends_no_end():
    events, record = through_a_socket(
        "dectris", messages(some_series(30)), faults=StreamFaults(abort_after=10)
    )
    assert len(events) == 11
    assert record.sent == list(range(10))


def test_a_pause():
    faults = StreamFaults(delay=1, delay_s=0.25)
    pauses = [
        pause for pause, message in with_faults(SERIES, faults, SentRecord()) if message.kind == "frame"
    ]
    assert pauses == [0.25] * 60


def test_faults_from_text():
    assert StreamFaults.from_text("") == StreamFaults()
    asked = StreamFaults.from_text("loss=0.25,reorder=1,span=3,abort_after=7,seed=9")
    assert asked == StreamFaults(loss=0.25, reorder=1.0, span=3, abort_after=7, seed=9)


@pytest.mark.parametrize(
    "text", ["lost=1", "loss", "loss=much", "loss=2", "cut=nan", "span=0", "delay_s=-1", "abort_after=-1"]
)
def test_faults_that_are_none(text):
    with pytest.raises(ConfigError):
        StreamFaults.from_text(text)


def test_a_scan_as_a_detector_sees_it(scan):
    series = SimulatedSeries.of_scan(scan, energy_ev=8000.0)
    assert series.dtype == "uint8"
    assert (series.frames[:, scan.bad_pixels] == 255).all()
    measured = (scan.patterns.astype(float) ** 2).round()[:, ~scan.bad_pixels]
    assert (series.frames[:, ~scan.bad_pixels] == measured).all()


def test_counts_that_no_detector_sends(scan):
    bright = replace(scan, patterns=scan.patterns + np.float32(2**16))
    with pytest.raises(ScanError, match="32 bits"):
        SimulatedSeries.of_scan(bright)


@pytest.mark.parametrize(
    "change",
    [
        {"frames": some_series().frames[0]},
        {"frames": some_series().frames.astype(float)},
        {"bad_pixels": some_series().bad_pixels.T},
        {"positions": some_series().frames[:, :2, 0]},
    ],
)
def test_series_that_are_none(change):
    fields = {"frames": some_series(shape=(5, 4)).frames} | change
    if "positions" in change:
        fields["positions"] = fields["positions"][:-1]
    with pytest.raises(ConfigError):
        SimulatedSeries(**fields)
