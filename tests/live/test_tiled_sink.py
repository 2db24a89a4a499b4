"""What a sink promises of any server: the newest is sent, a failure is said once, and the end tries again."""

import threading
from pathlib import Path

import pytest

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.live.tiled_sink import RefusedError, Sent, TiledSink
from ptychoscope.live.tiled_writer import open_tiled

FILE = Path("scan.h5")
URL = "http://127.0.0.1:9"


def saved(file=FILE):
    return {"event": "saved", "file": str(file), "whole": False}


def test_of_versions_that_wait_only_the_newest_is_sent():
    begun, go, sent, said = threading.Event(), threading.Event(), [], []

    def send(path):
        begun.set()
        assert go.wait(10)
        sent.append(path)
        return Sent(f"at/{path}", whole=len(sent) == 2)

    with TiledSink(send, said.append) as sink:
        sink(saved())
        assert begun.wait(10)
        for _ in range(5):
            sink(saved())
            sink({"event": "series", "series": 1})
        go.set()
    assert sent == [FILE, FILE]
    assert said == [
        {"event": "in tiled", "file": "scan.h5", "at": "at/scan.h5", "whole": whole}
        for whole in (False, True)
    ]


def test_a_failure_is_said_once_and_the_end_tries_again():
    tried, said = [], []
    twice = threading.Event()

    def send(path):
        tried.append(path)
        if len(tried) == 2:
            twice.set()
        if len(tried) < 4:
            raise OSError("no such host")
        return Sent("there", whole=True)

    with TiledSink(send, said.append, again_s=0.01, end_s=30) as sink:
        sink.put(FILE)
        assert twice.wait(10)
    assert [event["event"] for event in said] == ["tiled lost", "tiled back", "in tiled"]
    assert said[0] == {"event": "tiled lost", "file": "scan.h5", "why": "no such host"}


@pytest.mark.parametrize(("error", "end_s"), [(OSError, 0), (RefusedError, 600)])
def test_what_was_not_sent_is_named(error, end_s):
    said = []

    def send(path):
        raise error("no")

    with TiledSink(send, said.append, end_s=end_s) as sink:
        sink.put(FILE)
        sink.put(Path("other.h5"))
    assert [event["event"] for event in said] == ["tiled lost", "not in tiled"]
    assert sorted(said[1]["file"].split(", ")) == ["other.h5", "scan.h5"]


@pytest.mark.parametrize(
    ("url", "key", "output", "words"),
    [
        ("localhost:8000", "k", FILE, "use http://HOST:PORT"),
        ("http://127.0.0.1:99999", "k", FILE, "use http://HOST:PORT"),
        (URL + "?api_key=k", "k", FILE, "export TILED_API_KEY=KEY"),
        ("http://me:secret@127.0.0.1:9", "k", FILE, "no secret in the address"),
        (URL, "", FILE, "export TILED_API_KEY=KEY"),
        (URL, "k", Path("scan.tif"), "use .h5"),
    ],
)
def test_what_cannot_be_is_refused_at_once(monkeypatch, url, key, output, words):
    monkeypatch.setenv("TILED_API_KEY", key)
    with pytest.raises(ConfigError, match=words) as refused:
        open_tiled(url, [output], print)
    assert "me:secret" not in str(refused.value)


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setenv("TILED_API_KEY", "k")
    monkeypatch.setitem(__import__("sys").modules, "tiled.client", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ptychoscope\[tiled\]"'):
        open_tiled(URL, [FILE], print)
