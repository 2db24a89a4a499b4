"""What the buttons do: stop, start, a new scan, save, another model; and what cannot be done says why."""

import json
import shutil
from dataclasses import replace
from time import monotonic

import numpy as np
import pytest

from ptychoscope.io.results.formats import load_reconstruction

from ..scan_events import ListedSource, events_of
from .running import FedSource, npy, running, some_scan


@pytest.fixture(scope="module")
def scan():
    return some_scan()


def test_controls(scan, tmp_path):
    """Hold, resume, a new scan, save; and what cannot be done says why."""
    one, two, three = (events_of(scan, series) for series in (1, 2, 3))
    source = FedSource()
    with running(source, scan.probe, output=tmp_path / "scan.h5") as found:
        source.feed(one[:101])
        found.wait_for("running", placed=100)
        assert found.post("/save").json() == {"ok": True}
        assert (tmp_path / "scan-series1.h5").exists()
        assert found.post("/stop").json() == {"ok": True}
        source.feed([*one[101:], *two[:51]])
        until = found.wait_for("stopped")
        while until["figures"]["frames"]["received"] < len(scan) + 50:
            until = found.wait_for("stopped")
        assert until["figures"]["frames"]["lost"]["stray"] == len(scan) - 50
        assert until["series"] == 1
        refused = found.post("/new-scan")
        assert (refused.status_code, refused.json()["error"][:16]) == (409, "nothing is taken")
        assert found.post("/start").json() == {"ok": True}
        source.feed(two[51:101])
        assert found.wait_for("running", placed=150)["series"] == 2
        assert found.post("/new-scan").json() == {"ok": True}
        found.wait_for("done")
        first = npy(found.get("/image/coverage.npy?series=2&part=1"))
        source.feed(two[101:151])
        state = found.wait_for("running", placed=200)
        assert (state["series"], state["part"]) == (2, 2)
        second = npy(found.get("/image/coverage.npy?series=2&part=2"))
        assert first.shape != second.shape or not np.array_equal(first, second, equal_nan=True)
        assert found.get("/image/coverage.npy?series=2&part=1").status_code == 404
        source.feed([*two[151:], *three])
        state = found.wait_for("done", placed=100 + 2 * len(scan) - 50)
        assert found.post("/new-scan").json() == {"ok": True}  # two has ended, and waits for what was missed
        until = monotonic() + 20
        while state["figures"]["series"] < 3 and monotonic() < until:
            state = found.wait_for("done")
        assert (state["series"], state["part"]) == (3, 1)
        assert state["figures"]["frames"]["in_hand"] == 0
        numbers = {}
        for entry in state["results"]:
            result = load_reconstruction(tmp_path / entry["name"])
            numbers[entry["series"], entry["part"]] = result.frame_numbers.tolist()
        every = list(range(len(scan)))
        assert numbers == {(1, 1): every[:100], (2, 1): every[50:100], (2, 2): every[100:], (3, 1): every}
        for path, body, why in (
            ("/mend", {}, "nothing was found"),
            ("/model", {"name": "tiny"}, "--models FOLDER"),
        ):
            refused = found.post(path, **body)
            assert refused.status_code == 409
            assert why in refused.json()["error"]
        assert found.post("/model").status_code == 422
        assert "name" in json.dumps(found.post("/model").json())


def test_a_short_series_that_went_wrong_is_told_what_mends_the_next(scan):
    turned = replace(scan, positions_px=np.ascontiguousarray(scan.positions_px[:, ::-1]))
    with running(ListedSource(events_of(turned), at_once=40), scan.probe, diagnose=True) as found:
        until = monotonic() + 60
        while "start again" not in (found.wait_for("done", timeout_s=60)["verdict"] or {})["sentence"]:
            assert monotonic() < until, found.get("/state").json()["verdict"]
        state = found.get("/state").json()
        assert state["verdict"]["sentence"].endswith("start again with --orientation swap_xy")
        assert state["mend"] is None
        assert found.post("/mend").status_code == 409


def test_a_model_is_swapped_from_the_allowed_folder_alone(scan, tiny_model, tiny, tmp_path):
    allowed = tmp_path / "models"
    for folder in (allowed / "other", tmp_path / "forbidden"):
        shutil.copytree(tiny, folder)
    source, options = FedSource(), {"models": allowed}
    with running(source, scan.probe, model=tiny_model, options=options) as found:
        source.feed(events_of(scan)[:101])
        state = found.wait_for("running", placed=100)
        assert state["models"] == ["other"]
        assert state["model"]["digest"] == tiny_model.digest
        for name in ("../forbidden", str(tmp_path / "forbidden"), ".", "", "other/../../forbidden"):
            refused = found.post("/model", name=name)
            assert refused.status_code == 409
            assert "none of the models" in refused.json()["error"]
        assert found.post("/model", name="other").json() == {"ok": True}
        assert found.get("/state").json()["model"]["name"] == "other"
        source.feed(events_of(scan)[101:])
        assert found.wait_for("done")["figures"]["frames"]["placed"] == len(scan)
