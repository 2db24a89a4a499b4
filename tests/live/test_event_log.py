"""Every event is a line of JSON with its time, and is in the file at once."""

import json
from datetime import UTC, datetime

import pytest

from ptychoscope.errors import OutputError
from ptychoscope.live.event_log import EventLog


def test_events_are_appended(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text('{"event": "before"}\n')
    log = EventLog(file)
    log({"event": "saved", "frames": 7, "file": "ä.h5"})
    *_, line = file.read_text(encoding="utf-8").splitlines()
    log.close()
    said = json.loads(line)
    assert (said["event"], said["frames"], said["file"]) == ("saved", 7, "ä.h5")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(said["time"])).total_seconds()) < 60
    assert len(file.read_text().splitlines()) == 2


def test_a_place_that_is_none_is_named(tmp_path):
    with pytest.raises(OutputError, match="--log"):
        EventLog(tmp_path / "no" / "log")
