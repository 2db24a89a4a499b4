"""Every live result says how well it explains its frames; a wrong one does not end without a word."""

from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.io import load_reconstruction
from ptychoscope.live.account import Account
from ptychoscope.live.join import Joined
from ptychoscope.live.one_series import SeriesRun
from ptychoscope.live.session import NO_VERDICT, LiveSession
from ptychoscope.live.verdict_frames import VerdictFrames
from ptychoscope.refine.make_verdict import judge, judge_image
from ptychoscope.refine.refiner import Refiner
from ptychoscope.simulate import SimulationConfig, simulate_scan
from ptychoscope.viz.verdict_panels import verdict_panels

from .scan_events import events_of, frames_of
from .test_session import session_of, settings_of


def test_a_series_has_the_verdict_of_its_file(streamed, offline, tmp_path):
    file, said = offline.verdict, []
    made, figures = session_of(
        streamed,
        events_of(streamed),
        batch=8,
        given_positions=streamed.positions_px,
        session={"output": tmp_path / "live.h5", "say": said.append},
    )
    found = made.results[1].verdict
    # the file's verdict is made of the finished image, whose scale is fitted to the counts once more
    assert found.misfit == pytest.approx(file.misfit, rel=0.02)
    assert found.noise == pytest.approx(file.noise, rel=0.02)
    np.testing.assert_allclose(found.frame_misfit, file.frame_misfit, rtol=0.1)
    assert found.pixel_misfit.shape == (16, 16)
    stored = load_reconstruction(tmp_path / "live.h5")
    assert stored.verdict.figures() == found.figures() == figures["verdict"]
    assert stored.verdict.frame_misfit.tobytes() == found.frame_misfit.tobytes()
    assert len(verdict_panels(stored.verdict, stored)) == 2
    event = next(event for event in said if event["event"] == "verdict")
    assert event["sentence"] == found.sentence()
    assert event["explained"] == found.explained


def test_an_image_of_the_network_alone_is_judged_by_held_frames(streamed, tiny_model):
    options = {"model": "tiny", "window_frames": 0, "batch": 8}
    judged, _ = session_of(streamed, events_of(streamed), network=tiny_model, **options)
    assert judged.verdict.figures() == judge_image(judged.results[1], streamed).figures()
    assert judged.verdict.explained == "not explained"


def test_without_a_probe_it_is_said_that_there_is_no_verdict(streamed):
    made, _ = session_of(streamed, events_of(streamed), batch=8)
    frames, said = VerdictFrames(streamed.patch_px, "counts"), []
    frames.add(np.asarray(streamed.patterns, np.float32))
    assert frames.judge_image(made.results[1]).explained == made.verdict.explained
    assert frames.judge_image(replace(made.results[1], probe=None)) is None
    session = LiveSession([], settings_of(streamed), say=said.append)
    session._say_verdict({"series": 1}, None)
    assert said == [{"event": "verdict", "series": 1, "explained": None, "sentence": NO_VERDICT}]
    assert session.figures()["verdict"] is None


@pytest.mark.parametrize("rows", [12, 17])
def test_exchanged_positions_are_said(rows):
    """By the finding with its mend and by the verdict, also where the scan ends before it is looked at."""
    config = SimulationConfig(
        patch_px=32, rows=rows, columns=rows, step_px=4, photons=1e6, domain="counts", seed=5
    )
    scan = simulate_scan(config)
    turned = replace(scan, positions_px=np.ascontiguousarray(scan.positions_px[:, ::-1]))
    said = []
    _, figures = session_of(
        turned, events_of(turned), batch=16, session={"say": said.append, "diagnose": True}
    )
    by_name = {event["event"]: event for event in said}
    assert by_name["finding"]["orientation"] == "swap_xy"
    assert "THE IMAGE DOES NOT EXPLAIN ITS FRAMES" in by_name["verdict"]["sentence"]
    assert figures["verdict"]["explained"] == "not explained"


def test_a_running_image_says_the_misfit_of_its_last_sweep(streamed):
    run = SeriesRun(1, settings_of(streamed), Account())
    first = [Joined(frame, frame.position, 0.0) for frame in frames_of(streamed)[:32]]
    run.prepare(first)
    run.place(first)
    shown = run.snapshot()
    assert shown.verdict is None
    assert shown.provenance["refine_misfit_now"] == run.image.misfit > 0


class TestVerdictFrames:
    """What is kept is spread over all that came, and takes no more memory than it may."""

    @pytest.mark.parametrize(("side", "most"), [(16, 512), (256, 128)])
    def test_memory_is_bounded(self, side, most):
        rng = np.random.default_rng(0)
        frames, pattern = VerdictFrames(side, "counts"), np.ones((7, side, side), np.float32)
        for _ in range(3 * most // 7):
            frames.add(pattern * rng.integers(1, 9))
        places = frames._places()
        assert most // 4 < len(frames) <= most
        assert (np.diff(places) > 0).all()
        assert places[-1] > 2.5 * most
        assert len(set(np.diff(np.unique(places // 8)))) == 1

    def test_a_short_scan_is_judged_as_its_file(self, streamed):
        refiner = Refiner((64, 64), streamed.probe)
        refiner.add(
            streamed.patterns, streamed.positions_px - streamed.positions_px.min(axis=0) + 10, domain="counts"
        )
        refiner.sweep(step=1, regularisation=1)
        refiner.sweep(step=1, regularisation=1, mode="examined")
        frames = VerdictFrames(streamed.patch_px, "counts")
        for start in range(0, len(streamed), 5):
            frames.add(np.asarray(streamed.patterns[start : start + 5], np.float32))
        found, whole = frames.judge(refiner, streamed.numbers), judge(refiner, streamed)
        assert found.figures() == whole.figures()
        assert found.frame_misfit.tobytes() == whole.frame_misfit.tobytes()
        assert found.pixel_misfit.tobytes() == whole.pixel_misfit.tobytes()
