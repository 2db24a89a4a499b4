"""A capture holds what came in, byte for byte, and survives a writer that is killed anywhere."""

import numpy as np
import pytest

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.live.capture import CapturedBatch, CapturedMessage, CaptureReader, CaptureWriter, Said


@pytest.fixture
def capture(tmp_path, rng):
    path = tmp_path / "run.capture"
    messages = [[rng.bytes(int(n)) for n in rng.integers(0, 300, k)] for k in (1, 4, 0, 9)]
    with CaptureWriter(path) as writer:
        writer.say("settings", {"batch": 8, "text": "µ"})
        for k, parts in enumerate(messages):
            writer.tap(k % 2)([memoryview(part) if k % 2 else part for part in parts], 0.5 * k)
        writer.batch(3, 2, np.array([4, 2, 9]), np.array([[1.5, 2], [3, 4], [np.pi, -1e300]]))
        writer.say("probe", np.arange(6, dtype=np.complex64).reshape(1, 2, 3))
    return path, messages


def test_what_is_read_is_what_was_written(capture):
    path, messages = capture
    records = list(reader := CaptureReader(path))
    assert reader.cut is None
    assert records[0] == Said("settings", {"batch": 8, "text": "µ"})
    assert records[1:5] == [CapturedMessage(k % 2, 0.5 * k, parts) for k, parts in enumerate(messages)]
    batch, probe = records[5:]
    assert isinstance(batch, CapturedBatch)
    assert (batch.series, batch.part) == (3, 2)
    assert batch.numbers.tolist() == [4, 2, 9]
    np.testing.assert_array_equal(batch.positions, [[1.5, 2], [3, 4], [np.pi, -1e300]])
    np.testing.assert_array_equal(probe.value, np.arange(6).reshape(1, 2, 3))
    assert probe.value.dtype == np.complex64


def test_a_cut_end_ends_the_reading_and_nothing_before_it_is_lost(capture, tmp_path):
    path, _ = capture
    whole = path.read_bytes()
    ends, counts = [], []
    for cut in range(8, len(whole) + 1, 7):
        part = tmp_path / "cut"
        part.write_bytes(whole[:cut])
        reader = CaptureReader(part)
        counts.append(len(list(reader)))
        ends.append(reader.cut)
    assert counts == sorted(counts)
    assert set(range(7)) <= set(counts)
    assert sum(end is None for end in ends) <= 8


def test_a_changed_byte_is_found(capture, tmp_path, rng):
    path, _ = capture
    whole = bytearray(path.read_bytes())
    for place in rng.integers(8, len(whole), 60):
        other = bytearray(whole)
        other[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "changed").write_bytes(other)
        reader = CaptureReader(tmp_path / "changed")
        assert len(list(reader)) < 7
        assert reader.cut is not None


def test_what_is_no_capture_is_refused(tmp_path):
    (tmp_path / "other").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ScanError, match="is no capture"):
        CaptureReader(tmp_path / "other")
    with pytest.raises(ScanError, match="cannot read"):
        CaptureReader(tmp_path / "none")


def test_a_capture_is_never_written_over(capture):
    with pytest.raises(OutputError, match="already"):
        CaptureWriter(capture[0])
