"""Metrics are those of the account; the example board and the description name what there is."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ptychoscope.live.account import CAUSES

from ..scan_events import ListedSource, events_of
from .running import running, some_scan

BOARD = Path(__file__).resolve().parents[3] / "docs" / "grafana.json"


@pytest.fixture(scope="module")
def found():
    scan = some_scan()
    with running(ListedSource(events_of(scan), at_once=20), scan.probe) as made:
        made.scan = scan
        made.wait_for("done")
        yield made


@pytest.fixture(scope="module")
def samples(found):
    answer = found.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return [one for family in text_string_to_metric_families(answer.text) for one in family.samples]


def test_the_metrics_are_the_account(found, samples):
    values = {one.name: one.value for one in samples if not one.labels}
    assert values["ptychoscope_frames_received_total"] == len(found.scan)
    assert values["ptychoscope_frames_placed_total"] == len(found.scan)
    assert values["ptychoscope_latency_seconds_count"] == len(found.scan)
    assert values["ptychoscope_latency_seconds_sum"] > 0
    assert values["ptychoscope_queue_frames"] == 0
    lost = {one.labels["cause"] for one in samples if one.name == "ptychoscope_frames_lost_total"}
    assert lost == set(CAUSES)
    buckets = [one.value for one in samples if one.name == "ptychoscope_latency_seconds_bucket"]
    assert buckets == sorted(buckets)
    assert buckets[-1] == len(found.scan)


def test_the_example_board_shows_metrics_that_exist(samples):
    board = json.loads(BOARD.read_text())
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {name for text in shown for name in re.findall(r"ptychoscope_\w+", text)}
    assert named <= {one.name for one in samples}
    assert len(named) >= 5


def test_the_description_names_the_routes(found):
    described = found.http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    names = {"state", "stop", "start", "new-scan", "save", "mend", "model", "results", "image/{plane}.npy"}
    assert {f"/api/v1/{name}" for name in names} | {"/metrics"} <= set(described["paths"])
    assert all(each["summary"] for path in described["paths"].values() for each in path.values())
    assert found.http.get("/docs").status_code == 404
