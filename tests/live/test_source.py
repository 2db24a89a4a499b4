"""Sources by their address."""

import sys

import pytest

from live_streams import closing
from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.live.dectris2.decode import Decoder
from ptychoscope.live.source import decoder_of, open_source, split_url
from ptychoscope.live.zmq_source import tcp_address


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("dectris://det:9999", ("dectris", "det:9999", {})),
        (
            "dectris2://det?channel=threshold_2&kind=sub",
            ("dectris2", "det", {"channel": "threshold_2", "kind": "sub"}),
        ),
        ("swmr:scan.h5:/entry/data", ("swmr", "scan.h5:/entry/data", {})),
        ("pva:BEAM:IMG", ("pva", "BEAM:IMG", {})),
    ],
)
def test_parts_of_an_address(url, parts):
    assert split_url(url) == parts


@pytest.mark.parametrize(
    "url", ["", "det:9999", "http://det", "dectris", "dectris://det?kind", "dectris://det?=&&"]
)
def test_addresses_that_are_none(url):
    with pytest.raises(ConfigError):
        open_source(url)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("dectris://", "HOST:PORT"),
        ("dectris://det:0", "HOST:PORT"),
        ("dectris://det:70000", "HOST:PORT"),
        ("dectris://det:9999?kind=push", "pull or sub"),
        ("dectris://det:9999?colour=red", "unknown option 'colour'"),
        ("dectris://det:9999?high_water=0", "high_water"),
        ("dectris://det:9999?max_message_bytes=many", "max_message_bytes"),
        ("dectris://det:9999?channel=threshold_1", "unknown option 'channel'"),
        ("dectris2://det:9999?channel=", "channel"),
        ("dectris2://no host:9999", "cannot connect"),
        ("dectris2://det:9999?certificate=my.key_secret", "server_key"),
        ("dectris2://det:9999?server_key=absent.key", "cannot read keys"),
    ],
)
def test_an_error_names_what_is_wrong(url, word):
    with pytest.raises(ConfigError, match=word):
        open_source(url)


def test_ports_that_detectors_have():
    assert tcp_address("det", 9999) == "tcp://det:9999"
    assert tcp_address("det:1", 9999) == "tcp://det:1"
    assert tcp_address("[::1]", 31001) == "tcp://[::1]:31001"
    assert tcp_address("[::1]:5", 31001) == "tcp://[::1]:5"


def test_a_source_waits_for_a_detector_that_is_not_there_yet():
    with closing(open_source("dectris://127.0.0.1:9")) as source:
        assert source.poll(0.01) == []
        assert source.problem is None
    source.close()
    with pytest.raises(ConfigError, match="closed"):
        source.poll(0)


def test_decoders_by_name():
    assert callable(decoder_of("dectris"))
    assert isinstance(decoder_of("dectris2", channel="threshold_2"), Decoder)
    with pytest.raises(ConfigError, match="no kind of source"):
        decoder_of("http")


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "zmq", None)
    with pytest.raises(MissingExtraError, match=r"ptychoscope\[live\]"):
        open_source("dectris://127.0.0.1:9")
