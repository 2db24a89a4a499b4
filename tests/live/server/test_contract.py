"""What a page relies on: routes, topics, and tiles that put together are the image."""

from collections import Counter
from time import sleep

import numpy as np
import pytest

from ptychoscope.io.results.formats import load_reconstruction

from ..scan_events import ListedSource, events_of
from .running import FedSource, messages, npy, running, some_scan
from .test_r_factors import put


@pytest.fixture(scope="module")
def scan():
    return some_scan()


@pytest.fixture(scope="module")
def done(scan, tmp_path_factory):
    """A scan that runs for a second, and a viewer that watches it from its beginning."""
    output = tmp_path_factory.mktemp("results") / "scan.h5"
    (output.parent / "other.h5").write_bytes(b"of somebody else")
    source = ListedSource(events_of(scan), at_once=8, pause_s=0.03)
    with running(source, scan.probe, output=output) as found:
        with found.viewer("image:amplitude", "image:misfit", "state", "r_factor") as socket:
            found.seen = messages(socket, "state", lambda header: header["state"] == "done")
        yield found


def put_together(found):
    """The plane that a page shows after these messages."""
    plane = origin = None
    for header, payload in found:
        shape, new = header["shape"], header["origin_px"]
        moved = np.full(shape, np.nan, np.float32)
        if plane is not None and not header.get("whole"):
            y, x = origin[0] - new[0], origin[1] - new[1]
            moved[y : y + plane.shape[0], x : x + plane.shape[1]] = plane
        at = 0
        for y, x, height, width in header["tiles"]:
            moved[y : y + height, x : x + width] = payload[at : at + height * width].reshape(height, width)
            at += height * width
        assert at == len(payload)
        plane, origin = moved, new
    return plane


@pytest.mark.parametrize("plane", ["amplitude", "phase", "coverage", "misfit"])
def test_tiles_put_together_are_the_plane(scan, plane):
    """Also while the object grows on all sides, and only what changed is sent."""
    events = events_of(scan)
    middle = events[1:-1]
    events[1:-1] = [*middle[100:], *middle[:100]]
    source = FedSource()
    with running(source, scan.probe) as found:
        topic, seen = f"image:{plane}", []
        with found.viewer(topic, "state") as socket:
            for first, last in ((0, 71), (71, 141)):
                source.feed(events[first:last])
                found.wait_for("running", placed=last - 1)
                seen += messages(socket, topic, lambda _: True)
            assert seen[0][0]["whole"] is True
            source.feed(events[141:])
            found.wait_for("done")
            before, now = None, found.get("/state").json()["version"]
            while plane == "misfit" and before != now:  # R-factors are computed little by little
                sleep(0.6)
                before, now = now, found.get("/state").json()["version"]
            last = npy(found.get(f"/image/{plane}.npy"))
            version = found.get("/state").json()["version"]
            seen += messages(socket, topic, lambda header: header["version"] >= version)
        shown = put_together(seen)
        assert not any(header.get("whole") for header, _ in seen[1:])
        assert len(seen) > 2
        np.testing.assert_array_equal(shown, last)
        assert np.isfinite(shown).any()


@pytest.mark.parametrize("alone", [False, True])
def test_a_plane_that_is_not_known_is_no_image_but_a_word(scan, tiny_model, alone, tmp_path):
    """The spread while a solver sweeps, until the series is done; the misfit of a network alone."""
    options = {"model": tiny_model, "window_frames": 0, "threads": 1} if alone else {}
    source, events, output = FedSource(), events_of(scan), tmp_path / "scan.h5"
    with running(source, scan.probe, output=output, **options) as found:
        source.feed(events[:101])
        state = found.wait_for("running", placed=100)
        missing, there = ("misfit", "spread") if alone else ("spread", "amplitude")
        assert list(state["not_known"]) == [missing]
        refused = found.get(f"/image/{missing}.npy")
        assert (refused.status_code, refused.json()["error"]) == (404, state["not_known"][missing])
        with found.viewer(f"image:{missing}", f"image:{there}") as socket:
            assert messages(socket, f"image:{there}", lambda header: header["tiles"])
            assert np.nanmax(npy(found.get(f"/image/{there}.npy"))) > 0
            assert found.post("/save").json() == {"ok": True}
            partial = load_reconstruction(tmp_path / "scan-series1.h5").spread
            assert np.isnan(partial).all() if not alone else partial.max() > 0
            source.feed(events[101:])
            state = found.wait_for("done", placed=len(scan))
            while not alone and state["not_known"]:
                state = found.wait_for("done")
            if not alone:
                (header, payload), *_ = messages(socket, "image:spread", lambda _: True)
                assert header["whole"]
                assert np.nanmax(payload) == found.session.results[1].spread.max() > 0


def test_the_plane_is_that_of_the_result(done):
    result, state = done.session.results[1], done.get("/state").json()
    shown = npy(done.get("/image/amplitude.npy"))
    y, x = (a - b for a, b in zip(result.origin_px, state["origin_px"], strict=True))
    height, width = result.object.shape
    expected = np.where(result.coverage > 0, np.abs(result.object), np.nan)
    np.testing.assert_array_equal(shown[y : y + height, x : x + width], expected)
    assert np.isfinite(shown).sum() == np.isfinite(expected).sum()
    assert list(shown.shape) == state["shape"]
    phase = npy(done.get("/image/phase.npy"))[y : y + height, x : x + width]
    np.testing.assert_allclose(phase[result.coverage > 0], result.phase_rad()[result.coverage > 0], atol=1e-5)
    with done.viewer("image:phase") as socket:
        (header, _), *_ = messages(socket, "image:phase", lambda _: True)
    facts = done.get("/results/scan-series1.h5/facts").json()
    least = np.median(result.coverage[result.coverage > 0]) / 2
    assert header["least_coverage"] == facts["least_coverage"] == pytest.approx(least)


def test_the_state_says_what_is_there(done, scan):
    state = done.get("/state").json()
    assert state["series"] == 1
    assert state["frames_expected"] == state["figures"]["frames"]["placed"] == len(scan)
    assert state["model"] is None
    assert state["models"] == []
    assert state["output"] == "scan.h5"
    assert [entry["name"] for entry in state["results"]] == ["scan-series1.h5"]
    pushed, _ = done.seen[-1]
    assert pushed.keys() == state.keys() | {"topic"}


def test_path_and_factors_are_sent_once(scan):
    with running(ListedSource(events_of(scan), at_once=8, pause_s=0.02), scan.probe) as found:
        with found.viewer("path") as socket:
            seen = messages(socket, "path", lambda header: header["count"] == len(scan))
        places = np.concatenate([p[: 2 * (h["count"] - h["first"])].reshape(-1, 2) for h, p in seen])
        numbers = np.concatenate([p[2 * (h["count"] - h["first"]) :].view("<i4") for h, p in seen])
        np.testing.assert_allclose(places, scan.positions_px, rtol=1e-6)
        np.testing.assert_array_equal(numbers, np.arange(len(scan)))
        assert [h["first"] for h, _ in seen[1:]] == [h["count"] for h, _ in seen[:-1]]


def test_a_frame_is_shown_beside_what_is_predicted(done, scan):
    with done.viewer("probe") as socket:
        shape, probe = messages(socket, "probe", lambda _: True)[0]
    assert shape["shape"] == [1, 16, 16]
    used = done.session.results[1].probe
    np.testing.assert_allclose(probe.reshape(2, 16, 16), [np.abs(used[0]), np.angle(used[0])], rtol=1e-6)
    with done.viewer("frame", frame=17) as socket:
        header, payload = messages(socket, "frame", lambda _: True)[0]
    measured, predicted = payload.reshape(2, 16, 16)
    np.testing.assert_array_equal(measured, scan.patterns[17])
    known = done.session.run_now.image.predicted(17, 18)[0]
    np.testing.assert_array_equal(predicted, known)
    factor = np.abs(np.sqrt(measured) - np.sqrt(predicted)).sum() / np.sqrt(measured).sum()
    assert header["r_factor"] == pytest.approx(factor, rel=1e-4)
    asked = done.get("/frame/17").json()
    assert asked == {name: header[name] for name in ("number", "position_px", "side", "r_factor")}
    assert done.get("/frame/100000").status_code == 404


def factors_until(socket, holds):
    """What a page shows of the R-factors once it `holds`, and how often each was sent."""
    shown, sent = np.empty(0, np.float32), Counter()
    while not holds(shown):
        ((header, payload),) = messages(socket, "r_factor", lambda _: True)
        shown = put(shown, header, payload)
        for first, count in header["ranges"]:
            sent.update(range(first, first + count))
    return shown, sent


def test_a_page_that_is_opened_late_has_every_factor(done, scan):
    """They are those of the whole scan's image, and are sent once."""
    image = done.session.run_now.image
    predicted = np.sqrt(image.predicted(0, len(scan)))
    measured = np.sqrt(scan.patterns[image.numbers])
    expected = np.abs(measured - predicted).sum((1, 2)) / measured.sum((1, 2))

    def right(shown):
        return len(shown) == len(scan) and np.allclose(shown, expected, rtol=1e-4)

    with done.viewer("r_factor") as socket:
        factors_until(socket, right)
    with done.viewer("r_factor") as socket:
        _, sent = factors_until(socket, right)
        assert sent == Counter(range(len(scan)))
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.6)
    misfit = npy(done.get("/image/misfit.npy"))
    y, x = np.rint(scan.positions_px[-1]).astype(int) - done.get("/state").json()["origin_px"]
    assert misfit[y, x] == pytest.approx(expected[-1], rel=1e-4)


def test_a_page_that_is_opened_in_mid_scan_has_the_frames_before_it(scan):
    source = FedSource()
    with running(source, scan.probe) as found:
        source.feed(events_of(scan)[:151])
        found.wait_for("running", placed=150)
        with found.viewer("r_factor") as socket:
            factors_until(socket, lambda shown: np.isfinite(shown).sum() == 150)


def test_a_finished_scan_can_be_looked_at(done):
    file = done.session.results[1]
    facts = done.get("/results/scan-series1.h5/facts").json()
    assert facts["origin_px"] == list(file.origin_px)
    assert facts["frames"] == len(file.positions_px)
    phase = npy(done.get("/results/scan-series1.h5/image/phase.npy"))
    np.testing.assert_array_equal(phase, np.where(file.coverage > 0, file.phase_rad(), np.nan))
    raw = done.get("/results/scan-series1.h5").content
    assert raw == (done.session._output.parent / "scan-series1.h5").read_bytes()
    assert load_reconstruction(done.session._output.parent / "scan-series1.h5").object.shape == phase.shape
    assert done.get("/results/scan-series1.h5/image/misfit.npy").status_code == 404
    assert done.get("/image/phase.npy?series=9").status_code == 404


def test_a_bad_message_is_answered_and_changes_nothing(done):
    with done.viewer("state") as socket:
        for text, why in (
            ("no json", "Expecting value"),
            ('{"watch": ["everything"]}', "is no topic"),
            ('{"watch": [], "frame": "7"}', "number of a frame"),
            ("[" * 20000, "must read"),
        ):
            socket.send(text)
            (header, _), *_ = messages(socket, "error", lambda _: True)
            assert why in header["error"]
        messages(socket, "state", lambda _: True)
