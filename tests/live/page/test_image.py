"""The image in a real browser: there at once, looked at in every way, and it stays when the server goes."""

import io
import threading
import time

import numpy as np
import pytest

from ptychoscope.live.stream_faults import StreamFaults
from ptychoscope.reconstruction import least_coverage
from ptychoscope.simulate import SimulationConfig, simulate_scan

from .in_page import COLORS, changes, pixels, turn_to, until, until_colored, until_text
from .served_scan import served

pytestmark = pytest.mark.slow
CONFIG = SimulationConfig(patch_px=32, rows=12, columns=12, step_px=4, photons=1e6, domain="counts", seed=5)


@pytest.fixture(scope="module")
def scan():
    return simulate_scan(CONFIG)


@pytest.fixture(scope="module")
def done(scan, tmp_path_factory):
    """A scan that is finished, and served."""
    with served(scan, tmp_path_factory.mktemp("done")) as live:
        live.wait(lambda: live.session.series_done == 1)
        yield live


def shown(opened, live, **more):
    page = opened(live.server.url, **more)
    until_colored(page)
    until_text(page, "placed", "144")
    return page


def test_the_image_is_there_with_the_first_thirty_frames(opened, scan, tmp_path):
    """No more come, and the series has no end."""
    with served(scan, tmp_path, rate_hz=100, faults=StreamFaults(abort_after=30)) as live:
        page = opened(live.server.url)
        until_colored(page)
        until_text(page, "placed", "30")
        assert page.evaluate("document.body.dataset.state") == "running"


def test_the_image_grows_while_frames_come(opened, scan, tmp_path):
    hold = threading.Event()
    with served(scan, tmp_path, rate_hz=15, hold=hold) as live:
        page = opened(live.server.url)
        page.wait_for_selector("#empty")
        hold.set()
        until_colored(page)
        until(page, "document.body.dataset.state === 'running'")
        early = int(page.evaluate("document.body.dataset.version"))
        until_text(page, "placed", "144")
        assert int(page.evaluate("document.body.dataset.version")) > early
        until(page, "document.body.dataset.state === 'done'")


def test_every_plane_has_its_picture(opened, done):
    page = shown(opened, done)
    seen = [pixels(page)]
    for plane in ("phase", "coverage", "misfit"):
        turn_to(page, plane)
        seen.append(pixels(page))
    assert len({picture.tobytes() for picture in seen}) == 4


def test_colors_range_and_flips_do_what_they_say(opened, done):
    page = shown(opened, done)
    for name in ("viridis", "magma", "twilight"):
        assert changes(page, lambda name=name: page.select_option("#map", name)), name
    for toggle in ("log", "path", "grid"):
        assert changes(page, lambda toggle=toggle: page.check(f"#{toggle}", force=True)), toggle
        assert changes(page, lambda toggle=toggle: page.uncheck(f"#{toggle}", force=True)), toggle
    page.uncheck("#auto", force=True)
    low, high = float(page.input_value("#low")), float(page.input_value("#high"))
    assert 0 < low < high < 2
    assert changes(
        page, lambda: (page.fill("#high", str(low + 0.1 * (high - low))), page.press("#high", "Enter"))
    )
    assert page.inner_text("#bar-high") == str(float(f"{low + 0.1 * (high - low):.4g}"))
    page.check("#auto", force=True)
    assert changes(page, lambda: (page.fill("#low", "40"), page.press("#low", "Enter")))
    assert changes(page, lambda: page.check("#flip-y", force=True))
    assert changes(page, lambda: page.check("#flip-x", force=True))


def test_the_faint_rim_is_dim_until_it_is_asked_for(opened, done):
    """In amplitude and phase alone, live and of a finished scan; the range is that of the rest."""
    result = next(iter(done.session.results.values()))
    seen = result.coverage > 0
    rim = seen & (result.coverage < least_coverage(result.coverage))
    page = shown(opened, done)

    def shown_after(act, name):
        act(name, force=True)
        return pixels(page)

    def once_dimmed():
        """The upper end of the range, once the coverage that tells of a rim is there."""
        share, ends = 0.0, time.monotonic() + 20
        while share != pytest.approx(rim.sum() / seen.sum(), rel=0.15):
            assert time.monotonic() < ends, share
            shown_after(page.check, "#auto")
            high = float(page.inner_text("#bar-high").replace("−", "-"))
            dim, whole = shown_after(page.uncheck, "#auto"), shown_after(page.uncheck, "#rim")
            share = (dim != whole).sum() / max(1, (whole != whole[0]).sum())
            again = shown_after(page.check, "#rim")
        np.testing.assert_array_equal(again, dim)
        return high

    for live in (True, False):
        if not live:
            page.click("#results .show")
            page.wait_for_selector("#viewing:not([hidden])")
        for plane in ("phase", "amplitude"):
            turn_to(page, plane)
            high = once_dimmed()
            if plane == "amplitude":
                assert high == pytest.approx(
                    np.percentile(np.abs(result.object)[seen & ~rim], 99.5), rel=0.02
                )
    page.click("#back")
    turn_to(page, "coverage")
    coverage = pixels(page)
    np.testing.assert_array_equal(shown_after(page.uncheck, "#rim"), coverage)


def test_zoom_and_pan_by_wheel_drag_pinch_keys_and_buttons(opened, done):
    page = shown(opened, done)
    whole = pixels(page)
    box = page.locator("#image").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    assert changes(page, lambda: page.mouse.wheel(0, -400))
    page.mouse.move(5, 5)
    page.click("#fit")
    page.mouse.move(5, 5)
    assert np.array_equal(pixels(page), whole)

    def drag():
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 90, y + 40, steps=4)
        page.mouse.up()

    assert changes(page, drag)
    page.focus("#image")
    for key in ("ArrowLeft", "ArrowUp", "+", "-"):
        assert changes(page, lambda key=key: page.keyboard.press(key)), key
    page.keyboard.press("0")
    assert np.array_equal(pixels(page), whole)
    for button in ("#zoom-in", "#zoom-out"):
        assert changes(page, lambda button=button: page.click(button))
    page.click("#fit")
    assert changes(page, lambda: page.check("#fill", force=True))
    pinch = """([y, x]) => { const c = document.getElementById("image");
      const send = (type, id, dx) => c.dispatchEvent(
        new PointerEvent(type, {pointerId: id, clientX: x + dx, clientY: y, bubbles: true}));
      c.setPointerCapture = () => {}; send("pointerdown", 7, -40); send("pointerdown", 8, 40);
      send("pointermove", 8, 120); send("pointerup", 7, -40); send("pointerup", 8, 120); }"""
    assert changes(page, lambda: page.evaluate(pinch, [y, x]))


def test_what_is_under_the_pointer_is_read_off(opened, done):
    page = shown(opened, done)
    box = page.locator("#image").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    words = page.inner_text("#cursor")
    y, x = (int(part.split()[1]) for part in words.split(" · ")[0].split(", "))
    result = next(iter(done.session.results.values()))
    value = abs(result.object)[y - result.origin_px[0], x - result.origin_px[1]]
    assert float(words.rsplit(" · ", 1)[1]) == pytest.approx(value, rel=1e-3)


def test_a_snapshot_and_the_array_are_taken_home(opened, done):
    page = shown(opened, done)
    with page.expect_download() as found:
        page.click("#png")
    assert found.value.suggested_filename == "series1-amplitude.png"
    assert found.value.path().read_bytes()[:4] == b"\x89PNG"
    with page.expect_download() as found:
        page.click("#npy")
    array = np.load(io.BytesIO(found.value.path().read_bytes()), allow_pickle=False)
    result = next(iter(done.session.results.values()))
    assert array.dtype == np.float32
    assert np.nanmax(array) == pytest.approx(abs(result.object)[result.coverage > 0].max(), rel=1e-5)


def test_a_finished_scan_is_looked_at_and_the_live_one_again(opened, done):
    page = shown(opened, done)
    page.wait_for_selector("#results .show")
    page.click("#results .show")
    page.wait_for_selector("#viewing:not([hidden])")
    until_colored(page)
    page.check("[value=phase]", force=True)
    until(page, "!document.getElementById('empty').offsetParent")
    with page.expect_download() as found:
        page.click("#results a")
    assert found.value.path().read_bytes()[1:4] == b"HDF"
    page.click("#back")
    until_colored(page)
    assert page.is_hidden("#viewing")


def test_light_dark_and_a_phone(opened, done):
    ground = "getComputedStyle(document.body).backgroundColor"
    page = shown(opened, done, color_scheme="dark")
    dark = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != dark
    page.reload()
    assert page.evaluate(ground) != dark
    phone = shown(opened, done, size=(390, 844), has_touch=True, is_mobile=True)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    box = phone.locator("#image").bounding_box()
    assert box["width"] == 390
    assert box["y"] + box["height"] < 844


def test_a_lost_server_is_said_and_the_last_image_stays(opened, scan, tmp_path):
    with served(scan, tmp_path) as live:
        page = shown(opened, live)
        page.mouse.move(5, 5)
        before = page.evaluate(COLORS)
        live.server.close()
        page.wait_for_selector("#link:not([hidden])")
        assert "server is gone" in page.inner_text("#link")
        assert page.evaluate(COLORS) == pytest.approx(before, rel=0.1)
