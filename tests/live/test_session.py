"""The loop: what came in becomes the image that a replay of the file makes, and all else is counted."""

import time
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io import load_reconstruction
from ptychoscope.live.account import balanced
from ptychoscope.live.events import Damaged
from ptychoscope.live.place_in_batches import OpenRun
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.preprocess.orientation import Orientation

from .scan_events import ListedSource, events_of, frames_of

QUICK = {"idle_s": 0.5, "position_unit": "px", "window_frames": 16, "closing_sweeps": 2}


def settings_of(scan, **options):
    return LiveSettings(probe=scan.probe, **(QUICK | options))


def session_of(scan, events, *, network=None, session=None, **options):
    made = LiveSession(
        [ListedSource(events)],
        settings_of(scan, **options),
        model=network,
        **({"diagnose": False} | (session or {})),
    )
    figures = made.run()
    return made, figures


def same(one, other):
    assert one.object.tobytes() == other.object.tobytes()
    assert one.coverage.tobytes() == other.coverage.tobytes()
    assert one.spread.tobytes() == other.spread.tobytes()
    assert one.origin_px == other.origin_px


@pytest.mark.parametrize("positions", ["with the frames", "late", "given"])
def test_a_stream_gives_the_bits_of_a_replay_of_the_file(streamed, offline, positions):
    given = streamed.positions_px if positions == "given" else None
    events = events_of(streamed, positions=positions == "with the frames")
    if positions == "given":
        events = [event for event in events if not hasattr(event, "yx")]
    # where the object lies is known beforehand in every case, as it is offline
    made, figures = session_of(
        streamed, events, batch=8, given_positions=streamed.positions_px if given is None else given
    )
    assert figures["frames"]["placed"] == len(streamed)
    assert balanced(figures)
    same(made.results[1], offline)
    np.testing.assert_array_equal(made.results[1].frame_numbers, np.arange(len(streamed)))


def test_a_network_and_sweeps_give_the_bits_of_a_replay_of_the_file(streamed, tiny_model):
    file = reconstruct(streamed, tiny_model, batch=8, refine_window=16, refine=2)
    made, figures = session_of(
        streamed,
        events_of(streamed),
        network=tiny_model,
        model="tiny",
        batch=8,
        given_positions=streamed.positions_px,
    )
    same(made.results[1], file)
    assert set(figures["cpu_us_per_frame"]) == {"receive", "decode", "preprocess", "network", "image"}


def test_a_growing_object_shows_the_same(streamed, offline):
    made, _ = session_of(streamed, events_of(streamed), batch=8)
    found = made.results[1]
    assert found.origin_px == offline.origin_px
    assert found.object.shape == offline.object.shape
    covered = offline.coverage > 0.1 * offline.coverage.max()
    difference = (found.object - offline.object)[covered]
    assert np.linalg.norm(difference) < 0.1 * np.linalg.norm(offline.object[covered])


def test_a_network_alone_gives_the_exact_mosaic_in_any_order(streamed, tiny_model):
    frames = frames_of(streamed)
    ends = events_of(streamed)
    shuffled = [ends[0], *np.random.default_rng(1).permutation(np.array(frames, object)), ends[-1]]
    first, second = (
        session_of(streamed, events, network=tiny_model, model="tiny", window_frames=0, batch=batch)[
            0
        ].results[1]
        for events, batch in ((ends, None), (shuffled, 5))
    )
    assert set(second.frame_numbers) == set(range(len(streamed)))
    same(first, second)


def test_what_is_lost_is_counted_and_the_rest_is_placed(streamed):
    frames = frames_of(streamed)
    frames[3] = replace(frames[3], data=frames[3].data[:-7])
    frames[5] = replace(frames[5], data=bytes(len(frames[5].data)))
    frames[7] = replace(frames[7], position=(float("nan"), 0.0))
    frames[9] = replace(frames[9], position=(1e12, 0.0))
    ends = events_of(streamed)
    events = [ends[0], *frames[:20], frames[4], Damaged(arrived_s=0.0, what="noise"), *frames[21:], ends[-1]]
    made, figures = session_of(streamed, events)
    lost = {cause: n for cause, n in figures["frames"]["lost"].items() if n}
    assert lost == {"damaged": 2, "dark": 1, "outside": 2, "repeated": 1, "never_arrived": 1}
    assert figures["frames"]["placed"] == len(streamed) - 5
    assert balanced(figures)
    assert set(made.results[1].frame_numbers) == set(range(len(streamed))) - {3, 5, 7, 9, 20}


def test_a_shutter_that_opens_late_is_no_end(streamed):
    frames = frames_of(streamed)
    for k in range(20):
        frames[k] = replace(frames[k], data=bytes(len(frames[k].data)))
    ends = events_of(streamed)
    _, figures = session_of(streamed, [ends[0], *frames, ends[-1]])
    assert figures["frames"]["lost"]["dark"] == 20
    assert figures["frames"]["placed"] == len(streamed) - 20
    assert balanced(figures)


def test_a_scan_without_light_has_no_image(streamed):
    frames = [replace(frame, data=bytes(len(frame.data))) for frame in frames_of(streamed)]
    made, figures = session_of(streamed, [events_of(streamed)[0], *frames, events_of(streamed)[-1]])
    assert figures["frames"]["lost"]["dark"] == len(streamed)
    assert made.results == {}
    assert balanced(figures)


def test_two_series_in_a_row_have_a_result_each(streamed, tmp_path, offline):
    said = []
    events = events_of(streamed, 1) + events_of(streamed, 2)
    output = tmp_path / "scan.h5"
    made, figures = session_of(
        streamed,
        events,
        batch=8,
        given_positions=streamed.positions_px,
        session={"series": 2, "output": output, "say": said.append},
    )
    assert figures["series"] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["scan-series1.h5", "scan-series2.h5"]
    same(made.results[2], offline)
    assert [event["frames"] for event in said if event["event"] == "saved"] == [len(streamed)] * 2


def test_a_part_is_the_image_of_its_frames_alone(streamed, tmp_path):
    """As if the detector had begun a series there; with its own account, and its own file."""
    said, events = [], events_of(streamed)

    class Cut(ListedSource):
        polls = 0

        def poll(self, timeout_s):
            self.polls += 1
            if self.polls == 7:
                made.new_scan()
            return super().poll(timeout_s)

    made = LiveSession(
        [Cut(events)],
        settings_of(streamed, batch=8),
        diagnose=False,
        say=said.append,
        output=tmp_path / "s.h5",
    )
    figures = made.run()
    assert figures["frames"]["placed"] == len(streamed)
    assert figures["series"] == 1
    assert balanced(figures)
    first, last = (event for event in said if event["event"] in ("part done", "series done"))
    assert (first["part"], first["first"], first["joined"]) == (1, 0, 29)
    assert (last["part"], last["first"], last["joined"]) == (2, 29, len(streamed) - 29)
    for name, frames in (("s.h5", events[1:30]), ("s-part2.h5", events[30:-1])):
        alone, _ = session_of(streamed, [events[0], *frames, events[-1]], batch=8, idle_s=0.1)
        found = load_reconstruction(tmp_path / name)
        same(found, alone.results[1])
        np.testing.assert_array_equal(found.frame_numbers, [frame.number for frame in frames])
        assert found.verdict.figures() == alone.results[1].verdict.figures()


def test_a_source_that_ends_without_an_end(streamed):
    made, figures = session_of(streamed, events_of(streamed, end=False)[:-3])
    assert figures["frames"]["placed"] == len(streamed) - 3
    assert figures["frames"]["lost"]["never_arrived"] == 3
    assert made.results[1].frame_numbers.max() == len(streamed) - 4


@pytest.mark.parametrize("before", [False, True])
def test_a_series_that_is_armed_waits_for_its_first_frame(streamed, before):
    """Also where another series has ended before it."""
    events = events_of(streamed, 2)
    first = [*(events_of(streamed, 1) if before else []), events[0]]

    class Paused(ListedSource):
        def poll(self, timeout_s):
            if self._at_once == 1:
                self._at_once = 5
                return first
            if time.monotonic() < began + 1.0:
                time.sleep(0.02)
                return []
            return super().poll(timeout_s)

    began = time.monotonic()
    source = Paused(events[1:], at_once=1)
    series = 1 + before
    figures = LiveSession([source], settings_of(streamed, idle_s=0.3), diagnose=False, series=series).run()
    assert figures["frames"]["placed"] == series * len(streamed)


def test_a_stop_keeps_what_is_there(streamed):
    made = LiveSession(
        [ListedSource(events_of(streamed, end=False)[:30])],
        settings_of(streamed, idle_s=100),
        diagnose=False,
        series=None,
    )
    figures = made.run(lambda: made.account.placed == 29)
    assert figures["frames"]["placed"] == 29
    assert len(made.results[1].positions_px) == 29


def test_newest_first_drops_and_counts(streamed):
    _, figures = session_of(streamed, events_of(streamed), keep="newest", queue_frames=3)
    dropped = figures["frames"]["lost"]["dropped"]
    assert dropped > 0
    assert figures["frames"]["placed"] + dropped == len(streamed)
    assert balanced(figures)


def test_a_mend_places_everything_anew(streamed):
    turned = replace(streamed, patterns=np.ascontiguousarray(np.swapaxes(streamed.patterns, 1, 2)))
    wrong = LiveSession([], settings_of(turned, batch=8))
    straight, _ = session_of(streamed, events_of(streamed), batch=8)
    mend = Mend(orientation=Orientation(patterns="transpose"))
    made = LiveSession(
        [ListedSource(events_of(turned, end=False))], settings_of(turned, batch=8, idle_s=100), diagnose=False
    )
    with pytest.raises(ConfigError, match="nothing has been placed"):
        wrong_run(wrong, mend)
    made.run(lambda: made.account.placed == len(streamed) and made.apply_mend(mend) is None)
    same(made.results[1], straight.results[1])


def wrong_run(session, mend):
    from ptychoscope.live.one_series import SeriesRun

    SeriesRun(1, session.settings, session.account).apply_mend(mend)


def test_what_cannot_be_read_says_the_cure(streamed):
    with pytest.raises(ScanError, match="--pixel-size-m says it"):
        session_of(streamed, events_of(streamed), position_unit="m")
    with pytest.raises(ScanError, match="--probe-file"):
        session_of(replace(streamed, probe=None), events_of(streamed))
    session_of(streamed, events_of(streamed), position_unit="m", pixel_size_m=1.0)


def test_a_series_that_opens_is_not_taken_for_done(streamed, monkeypatch):
    """A page that asks between the first frame's arrival and its placing."""
    seen = []

    class Opening(OpenRun):
        def __init__(self, *parts):
            super().__init__(*parts)
            seen.append(made.phase)

    monkeypatch.setattr("ptychoscope.live.session.OpenRun", Opening)
    events = [*events_of(streamed), *events_of(streamed, series=2)]
    made = LiveSession([ListedSource(events)], settings_of(streamed), series=2, diagnose=False)
    made.run()
    assert seen == ["waiting", "done"]
    assert made.phase == "done"


def test_lost_frames_are_not_waited_for_long_after_the_end(streamed, monkeypatch):
    """Frames that wait for their positions are: those may come minutes later."""
    monkeypatch.setattr("ptychoscope.live.receiver.LOST_S", 0.2)
    events = events_of(streamed)
    _, figures = session_of(streamed, [*events[:30], *events[40:]], idle_s=100)
    assert figures["frames"]["lost"]["never_arrived"] == 10
    assert figures["frames"]["placed"] == len(streamed) - 10
    began = time.monotonic()
    _, figures = session_of(streamed, [*events_of(streamed, positions=False)[:-2], events[-1]], idle_s=0.8)
    assert figures["frames"]["lost"]["no_position"] > 0
    assert time.monotonic() - began > 0.8
