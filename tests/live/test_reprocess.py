"""A capture becomes the image of the live run, bit for bit, also where that was cut short."""

import time
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.errors import BundleError, ScanError
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model_config import StitchSpec
from ptychoscope.io import load_reconstruction
from ptychoscope.live.account import balanced
from ptychoscope.live.capture import CaptureReader, CaptureWriter
from ptychoscope.live.capture_header import CapturedSource, write_head
from ptychoscope.live.dectris1 import simulator
from ptychoscope.live.reprocess import load_recorded, reprocess
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.simulated_series import SimulatedSeries
from ptychoscope.live.source import decoder_of
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import SimulationConfig, simulate_scan

from .scan_events import ListedSource, events_of
from .test_session import same

CONFIG = SimulationConfig(patch_px=16, rows=8, columns=9, step_px=3, photons=1e4, domain="counts", seed=2)
SETTINGS = {"position_unit": "px", "window_frames": 16, "closing_sweeps": 2, "idle_s": 0.3}


@pytest.fixture(scope="module")
def scan():
    return simulate_scan(CONFIG)


class WireSource:
    """Messages of a wire, decoded as they are handed out; what a socket would do."""

    problem = None

    def __init__(self, messages, tap, at_once=5):
        self._messages, self._tap, self._at_once = list(messages), tap, at_once
        self._decode = decoder_of("dectris")
        self.acts = {}
        """What is done before so many messages are left."""

    def poll(self, timeout_s):
        self.acts.pop(len(self._messages), lambda: None)()
        now, self._messages = self._messages[: self._at_once], self._messages[self._at_once :]
        if not now:
            time.sleep(0.02)
        events = []
        for parts in now:
            arrived = time.monotonic()
            self._tap(parts, arrived)
            events += self._decode(parts, arrived)
        return events

    def close(self):
        pass


def messages_of(scan, **options):
    series = SimulatedSeries.of_scan(scan, positions=scan.positions_px)
    return [message.parts for message in simulator.messages(series, encoding="<", **options)]


def captured(path, scan, messages, *, network=None, at_the_end=None, **options):
    """A session to the end of its series, or until every frame is placed and `at_the_end` was done."""

    def stop():
        if at_the_end is None or session.account.placed < len(scan):
            return False
        at_the_end(session)
        return True

    settings = LiveSettings(probe=scan.probe, **(SETTINGS | options))
    with CaptureWriter(path) as capture:
        write_head(capture, settings, [CapturedSource("dectris", {})])
        source = WireSource(messages, capture.tap(0))
        session = LiveSession([source], settings, model=network, capture=capture, diagnose=False)
        session.run(stop)
    return session


def again(path, **options):
    """Results by series, those of later parts by series and part."""
    results = {}

    def done(key, result):
        results[key[0] if key[1] == 1 else key] = result

    figures = reprocess(path, done, load_model=load_recorded, **options)
    return results, figures


@pytest.mark.parametrize("options", [{}, {"batch": 7}, {"keep": "newest", "queue_frames": 2}])
def test_a_capture_gives_the_bits_of_the_live_run(tmp_path, scan, options):
    messages = messages_of(scan)
    messages[4] = [*messages[4][:2], messages[4][2][:-3], *messages[4][3:]]
    session = captured(tmp_path / "c", scan, messages, **options)
    results, figures = again(tmp_path / "c")
    same(results[1], session.results[1])
    np.testing.assert_array_equal(results[1].frame_numbers, session.results[1].frame_numbers)
    assert figures["frames"]["placed"] == len(results[1].positions_px)
    found, live = results[1].verdict, session.results[1].verdict
    assert found.figures() == live.figures()
    assert found.frame_misfit.tobytes() == live.frame_misfit.tobytes()
    assert found.pixel_misfit.tobytes() == live.pixel_misfit.tobytes()
    raw = [record.parts for record in CaptureReader(tmp_path / "c") if hasattr(record, "parts")]
    assert raw == [[bytes(part) for part in parts] for parts in messages]


@pytest.mark.parametrize("options", [{}, {"batch": 7}, {"keep": "newest", "queue_frames": 2}])
def test_a_series_that_is_cut_becomes_the_same_images_once_more(tmp_path, scan, options):
    """Every frame is in one of them, or counted; also where the writer was killed none is in two."""
    settings = LiveSettings(probe=scan.probe, **(SETTINGS | options))
    said = []
    with CaptureWriter(tmp_path / "c") as capture:
        write_head(capture, settings, [CapturedSource("dectris", {})])
        source = WireSource(messages := messages_of(scan), capture.tap(0))
        session = LiveSession(
            [source], settings, capture=capture, diagnose=False, say=said.append, output=tmp_path / "o.h5"
        )
        for later in (30, 30, 45):  # the second, when no frame has come since, changes nothing
            act = source.acts.get(len(messages) - later, lambda: None)
            source.acts[len(messages) - later] = lambda act=act: (act(), session.new_scan())
        figures = session.run()
    assert balanced(figures)
    assert figures["series"] == 1
    ends = [event for event in said if event["event"] in ("part done", "series done")]
    assert [(event["event"], event["part"]) for event in ends] == [
        ("part done", 1),
        ("part done", 2),
        ("series done", 3),
    ]
    assert sum(event["joined"] for event in ends) == len(scan)
    cuts = np.cumsum([0, *(event["joined"] for event in ends)])
    results, once_more = again(tmp_path / "c")
    assert once_more["frames"] == figures["frames"]
    placed = 0
    for k, name in enumerate(("o.h5", "o-part2.h5", "o-part3.h5")):
        found = results.get(1 if k == 0 else (1, k + 1))
        assert (found is None) != (tmp_path / name).exists()
        if found is None:  # all of it was dropped
            continue
        same(found, load_reconstruction(tmp_path / name))
        numbers = found.frame_numbers
        assert set(numbers) <= set(range(cuts[k], cuts[k + 1]))
        placed += len(set(numbers))
    assert placed == figures["frames"]["placed"]
    whole = (tmp_path / "c").read_bytes()
    for share in np.linspace(0.25, 1, 6):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
        frames = [m for m in CaptureReader(tmp_path / "cut") if b"dimage" in getattr(m, "parts", [b""])[0]]
        results, found = again(tmp_path / "cut")
        assert found["frames"]["placed"] + found["frames"]["lost"]["dropped"] == len(frames)
        numbers = [number for result in results.values() for number in result.frame_numbers]
        assert len(set(numbers)) == len(numbers) == found["frames"]["placed"]


def test_a_mend_is_made_again(tmp_path, scan):
    mend = Mend(orientation=Orientation(swap_xy=True))
    session = captured(
        tmp_path / "c", scan, messages_of(scan, end=False), at_the_end=lambda s: s.apply_mend(mend), idle_s=50
    )
    results, _ = again(tmp_path / "c")
    same(results[1], session.results[1])
    assert list(map(tuple, results[1].orientation["steps"])) == [("swap_xy", True)]


def test_a_network_is_used_again_and_a_changed_one_refused(tmp_path, scan, tiny_model, tiny_copy):
    options = {"window_frames": 0, "model": str(tiny_copy), "model_digest": tiny_model.digest}
    session = captured(tmp_path / "c", scan, messages_of(scan), network=tiny_model, **options)
    results, _ = again(tmp_path / "c")
    same(results[1], session.results[1])
    with pytest.raises(BundleError, match="--model names"):
        load_recorded(str(tiny_copy), "0" * 64)


@pytest.mark.parametrize("mended", [False, True])
@pytest.mark.parametrize("before", [0, 9, 40])
def test_a_model_that_was_swapped_is_swapped_again(tmp_path, scan, tiny_model, forge, before, mended):
    """Before the first frame, while the reading is found, amid; and all frames are its own after a mend."""
    other = load_model(forge(stitch=StitchSpec(window="none")), threads=1)
    network = {"model": str(tiny_model.path), "model_digest": tiny_model.digest}
    settings = LiveSettings(probe=scan.probe, **(SETTINGS | network | {"window_frames": 0, "batch": 4}))
    mend = Mend(orientation=Orientation(swap_xy=True))
    with CaptureWriter(tmp_path / "c") as capture:
        write_head(capture, settings, [CapturedSource("dectris", {})])
        source = WireSource(messages := messages_of(scan), capture.tap(0), at_once=1)
        session = LiveSession([source], settings, model=tiny_model, capture=capture, diagnose=False)

        def once_placed(frames, act, what):
            until = time.monotonic() + 30
            while session.account.placed < frames and time.monotonic() < until:
                time.sleep(0.01)
            act(what)

        amid = 30 if before == 40 else 0
        source.acts[len(messages) - before] = lambda: once_placed(amid, session.swap_model, other)
        if mended:
            source.acts[4] = lambda: once_placed(40, session.apply_mend, mend)
        session.run()
    results, _ = again(tmp_path / "c")
    same(results[1], session.results[1])
    assert results[1].provenance == session.results[1].provenance
    assert session.results[1].provenance["model_sha256"] == other.digest
    oriented = replace(settings, orientation="swap_xy") if mended else settings
    alone = LiveSession([ListedSource(events_of(scan))], oriented, model=other, diagnose=False)
    alone.run()
    entirely = mended or before < 16
    assert (alone.results[1].coverage.tobytes() == results[1].coverage.tobytes()) == entirely


def test_a_capture_that_was_cut_is_completed(tmp_path, scan):
    """Wherever the writer was killed: all frames that had come are placed, and a whole one is as live."""
    session = captured(tmp_path / "c", scan, messages_of(scan), batch=8)
    whole = (tmp_path / "c").read_bytes()
    counts = []
    for part in np.linspace(0.25, 1, 6):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * part)])
        messages = [r for r in CaptureReader(tmp_path / "cut") if hasattr(r, "parts") and len(r.parts) > 3]
        results, figures = again(tmp_path / "cut")
        counts.append(figures["frames"]["placed"])
        frames = [m for m in messages if b"dimage" in m.parts[0]]
        assert counts[-1] == len(frames)
        assert sorted(results[1].frame_numbers) == list(range(counts[-1]))
    same(results[1], session.results[1])
    assert counts == sorted(counts)


def test_other_settings_give_another_image(tmp_path, scan):
    session = captured(tmp_path / "c", scan, messages_of(scan), batch=8)
    results, _ = again(tmp_path / "c", settings=lambda s: replace(s, orientation="swap_xy"))
    assert results[1].object.tobytes() != session.results[1].object.tobytes()


def test_a_capture_without_settings_holds_nothing(tmp_path):
    CaptureWriter(tmp_path / "c").close()
    with pytest.raises(ScanError, match="before its settings"):
        again(tmp_path / "c")
