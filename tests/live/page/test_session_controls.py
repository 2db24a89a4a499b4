"""What the page does to the session: frames, series, models, the mend; and who is let in."""

import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.io import load_reconstruction
from ptychoscope.live.server.security import Token
from ptychoscope.live.stream_faults import StreamFaults
from ptychoscope.simulate import SimulationConfig, simulate_scan

from .in_page import until, until_colored, until_text
from .served_scan import served

pytestmark = pytest.mark.slow
CONFIG = SimulationConfig(patch_px=32, rows=24, columns=24, step_px=4, photons=1e6, domain="counts", seed=5)
SMALL = replace(CONFIG, patch_px=16, rows=12, columns=12, step_px=3)


@pytest.mark.parametrize("wrong", ["swap_xy", "flip_y"])
def test_a_wrong_orientation_is_said_and_mended_by_one_click(opened, tmp_path, wrong):
    scan = simulate_scan(CONFIG)
    places = scan.positions_px[:, ::-1] if wrong == "swap_xy" else scan.positions_px * [-1, 1]
    turned = replace(scan, positions_px=np.ascontiguousarray(places))
    with served(turned, tmp_path, faults=StreamFaults(abort_after=400)) as live:  # and the series goes on
        page = opened(live.server.url)
        live.wait(lambda: live.session.account.placed == 400)
        page.wait_for_selector("#mend:not([hidden])", timeout=120000)
        misfit = live.session.run_now.image.misfit
        assert wrong in page.inner_text("#mend-steps")
        page.click("#mend-now")
        until_text(page, "said", "Mended")
        page.wait_for_selector("#mend", state="hidden")
        assert live.session.run_now.image.misfit < 0.3 * misfit
        live.session.stop()
        live.wait(lambda: live.session.series_done == 1, 60)
        result = load_reconstruction(tmp_path / "scan-series1.h5")
        assert wrong in str(result.orientation)


def test_frames_are_chosen_by_number_in_the_trace_and_in_the_image(opened, tmp_path):
    scan = simulate_scan(SMALL)
    with served(scan, tmp_path) as live:
        live.wait(lambda: live.session.series_done == 1)
        page = opened(live.server.url)
        until_colored(page)
        until_text(page, "frame-words", "143")

        def chosen():
            until(
                page,
                "document.getElementById('frame-words').textContent.split(' ')[0] "
                "=== document.getElementById('number').value",
            )
            return int(page.input_value("#number"))

        page.fill("#number", "30")
        page.press("#number", "Enter")
        assert chosen() == 30
        assert not page.is_checked("#latest")
        until(
            page,
            "document.getElementById('predicted').getContext('2d')"
            ".getImageData(0, 0, 100, 100).data.some(v => v)",
        )
        page.focus("#trace")
        page.keyboard.press("ArrowRight")
        assert chosen() == 31
        box = page.locator("#trace").bounding_box()
        page.click("#trace", position={"x": 40 + (box["width"] - 46) * 0.5, "y": 40})
        assert abs(chosen() - 72) < 3
        page.click("#image")
        place = scan.positions_px[chosen()] - scan.positions_px.mean(axis=0)
        assert np.abs(place).max() < 6
        page.check("#latest", force=True)
        until_text(page, "frame-words", "143")
        page.click("#probe summary")
        page.wait_for_selector("#modes canvas")


def test_a_click_before_the_page_is_ready_is_not_lost(opened, tmp_path):
    held, frames = [], threading.Event()
    with served(simulate_scan(SMALL), tmp_path, hold=frames) as live:
        page = opened(live.server.url, held=lambda route: held.append(route))  # noqa: PLW0108
        live.wait(lambda: held or page.wait_for_timeout(20))
        assert page.evaluate("document.body.inert")
        held[0].continue_()
        page.click("#save")
        until_text(page, "said", "nothing was saved")
        opened.complaints[:] = [text for text in opened.complaints if "the server responded" not in text]
        frames.set()
        live.wait(lambda: live.session.account.placed > 0)


def test_stop_start_new_scan_and_save(opened, tmp_path):
    frames = threading.Event()
    with served(simulate_scan(SMALL), tmp_path, rate_hz=30, series=3, hold=frames) as live:
        page = opened(live.server.url)
        page.click("#save")
        until_text(page, "said", "nothing was saved")
        opened.complaints[:] = [text for text in opened.complaints if "the server responded" not in text]
        frames.set()
        until_colored(page)
        page.click("#save")
        until_text(page, "said", "Saved")
        assert len(load_reconstruction(tmp_path / "scan-series1.h5").positions_px) > 0
        page.click("#new-scan")
        assert live.session.series_done == 0  # asked first
        page.click("#new-scan")
        until_text(page, "said", "The next frames begin")
        until_text(page, "series", "Series 1, part 2")
        assert live.session.series_done == 0
        until_text(page, "series", "Series 2")
        parts = [load_reconstruction(tmp_path / f"scan-series1{n}.h5") for n in ("", "-part2")]
        assert [*parts[0].frame_numbers, *parts[1].frame_numbers] == list(range(144))
        page.click("#run")
        page.click("#run")
        until_text(page, "said", "Stopped")
        until(page, "document.body.dataset.state === 'stopped'")
        live.wait(lambda: live.session.series_done == 2)
        until_text(page, "run", "Start")
        page.click("#run")
        until_text(page, "said", "Series are taken")
        until(page, "document.body.dataset.state !== 'stopped'")
        until_text(page, "series", "Series 3", 30)


def test_another_model_is_swapped_to_and_a_bad_one_is_refused_in_words(opened, tmp_path, tiny, tiny_model):
    models = tmp_path / "models"
    for name in ("first", "second", "broken"):
        shutil.copytree(tiny, models / name)
    (models / "broken" / "model.onnx").write_bytes(b"nothing")
    config = replace(SMALL, patch_px=tiny_model.pattern_px[0])
    with served(simulate_scan(config), tmp_path, rate_hz=20, model=tiny_model, models=models) as live:
        page = opened(live.server.url)
        until(page, "document.body.dataset.state === 'running'")
        page.select_option("#model", "second")
        page.click("#swap-now")
        until_text(page, "said", "Frames go through second")
        until_text(page, "model-now", "second")
        page.select_option("#model", "broken")
        page.click("#swap-now")
        page.wait_for_selector("#said.wrong")
        assert page.inner_text("#model-now") == "second"
        opened.complaints[:] = [text for text in opened.complaints if "the server responded" not in text]


def test_without_the_token_nothing_is_shown(browser, opened, tmp_path):
    token = Token("a-long-enough-word", lives_s=15.0)
    with served(simulate_scan(SMALL), tmp_path, token=token) as live:
        address = live.server.url

        def refused(asking):
            for path in ("", "main.js", "api/v1/state", "?token=another-long-word", "?token="):
                answer = asking.get(address + path, max_redirects=0)
                assert (answer.status, answer.body()) == (401, b""), path

        stranger = browser.new_context()
        refused(stranger.request)
        page = opened(f"{address}?token={token.text}")
        until_colored(page)
        assert "token" not in page.url
        time.sleep(token.left_s + 0.1)
        refused(page.context.request)
        refused(stranger.request)
        stranger.close()
