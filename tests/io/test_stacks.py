"""TIFF stacks by tifffile and MIB of Merlin detectors: every page a frame, read by ranges."""

import sys

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal

from detector_files import counts, mib_bytes, positions_csv
from ptychoscope.errors import MissingExtraError, ScanError, ScanWarning
from ptychoscope.io import load_scan, open_scan

SIZES = [(1, 6), (5, 6), (6, 7)]
WRITE = [{}, {"compression": "zlib"}, {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 2},
         {"imagej": True}, {"metadata": None}]  # fmt: skip


@pytest.mark.parametrize("how", WRITE, ids=str)
@pytest.mark.parametrize(("n", "side"), SIZES)
def test_pages_are_frames(tmp_path, n, side, how):
    frames, path = counts(n, side), tmp_path / "s.dat"
    tifffile.imwrite(path, frames, photometric="minisblack", **how)
    scan = open_scan(path, positions=positions_csv(tmp_path, n))
    assert scan.domain == "counts"
    assert_array_equal(scan.load().patterns, frames)
    assert_array_equal(scan.read(n - 1, n), frames[-1:])
    assert_array_equal(scan.patterns[[n - 1, 0]], frames[[n - 1, 0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.float32])
def test_every_type(tmp_path, dtype):
    frames, path = counts(4, 6, dtype=dtype), tmp_path / "s.tif"
    tifffile.imwrite(path, frames, photometric="minisblack")
    scan = load_scan(path, positions=positions_csv(tmp_path, 4))
    assert_array_equal(scan.patterns, frames)


def test_fractions_must_be_named(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, counts(4, 6).astype(np.float32) + 0.5, photometric="minisblack")
    with pytest.raises(ScanError, match="--domain counts"):
        load_scan(path, positions=positions_csv(tmp_path, 4))
    assert len(load_scan(path, positions=positions_csv(tmp_path, 4), domain="counts")) == 4


def test_colours_and_pages_that_differ_are_refused(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.zeros((4, 6, 6, 3), np.uint8), photometric="rgb")
    with pytest.raises(ScanError, match="without colours"):
        load_scan(path, positions=positions_csv(tmp_path, 4))
    with tifffile.TiffWriter(path) as file:
        file.write(np.zeros((6, 6), np.uint8))
        file.write(np.zeros((6, 7), np.uint8))
    with pytest.raises(ScanError, match="differ in shape"):
        load_scan(path, positions=positions_csv(tmp_path, 2))


def test_a_packing_that_needs_more_is_refused_with_a_cure(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, counts(2, 16), photometric="minisblack")
    data = bytearray(path.read_bytes())
    at = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # compression: none
    data[at + 8] = 5  # LZW
    path.write_bytes(data)
    with pytest.raises(ScanError, match=r"cannot be read as TIFF.*zlib"):
        load_scan(path, positions=positions_csv(tmp_path, 2))


def test_without_tifffile_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, counts(2, 6), photometric="minisblack")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(MissingExtraError, match=r"ptychoscope\[files\]"):
        load_scan(path, positions=positions_csv(tmp_path, 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize(("n", "side"), SIZES)
@pytest.mark.parametrize("size", [384, 768])
def test_mib(tmp_path, dtype, n, side, size):
    frames, path = counts(n, side, dtype=dtype), tmp_path / "s.mib"
    path.write_bytes(mib_bytes(frames, size=size))
    scan = open_scan(path, positions=positions_csv(tmp_path, n))
    assert scan.patterns.dtype == dtype
    assert_array_equal(scan.load().patterns, frames)
    assert_array_equal(scan.patterns[[n - 1, 0]], frames[[n - 1, 0]])


def test_mib_that_is_not_square_needs_a_crop(tmp_path):
    path = tmp_path / "s.mib"
    path.write_bytes(mib_bytes(counts(3, 6, 10)))
    with pytest.warns(ScanWarning, match="6 x 10"):
        scan = load_scan(path, positions=positions_csv(tmp_path, 3), crop=6)
    assert_array_equal(scan.patterns, counts(3, 6, 10)[:, :, 2:8])


@pytest.mark.parametrize("kind", ["R64", "R32"])
def test_raw_mib_is_refused_with_the_reason(tmp_path, kind):
    path = tmp_path / "s.mib"
    path.write_bytes(mib_bytes(counts(3), kind=kind))
    with pytest.raises(ScanError, match=r"raw bits of the chips.*U16"):
        load_scan(path, positions=positions_csv(tmp_path, 3))


def test_mib_that_ends_within_a_frame(tmp_path):
    path, data = tmp_path / "s.mib", mib_bytes(counts(3))
    path.write_bytes(data[:-5])
    with pytest.warns(ScanWarning, match="ends within frame 2: the scan has the 2 before it"):
        assert len(load_scan(path, positions=positions_csv(tmp_path, 2))) == 2
    path.write_bytes(data[:400])
    with pytest.raises(ScanError, match="no whole frame"):
        load_scan(path, positions=positions_csv(tmp_path, 2))


def test_mib_with_frames_missing_within(tmp_path):
    path = tmp_path / "s.mib"
    path.write_bytes(mib_bytes(counts(2)) + mib_bytes(counts(2), first=7))
    with pytest.warns(ScanWarning, match="4 frames that are numbered 1 to 8: some are missing"):
        load_scan(path, positions=positions_csv(tmp_path, 4))


@pytest.mark.parametrize("spoil", [
    lambda data: data.replace(b"U16", b"F32"), lambda data: data.replace(b"0008,0008", b"0000,0008"),
    lambda data: data.replace(b"00384", b"-0001"), lambda data: data.replace(b"00384", b"xyzzy"),
    lambda data: data.replace(b"MQ1,000002", b"MQ9,000002"), lambda data: data[:20],
    lambda data: data.replace(b"0008,0008", b"9999999,999999"),
    lambda data: data.replace(b"000002,00384,01,0008,0008", b"000002,00384,01,0004,0016"),
])  # fmt: skip
def test_spoilt_mib_is_a_named_error(tmp_path, spoil):
    path = tmp_path / "s.mib"
    path.write_bytes(spoil(mib_bytes(counts(3))))
    with pytest.raises(ScanError, match=r"s\.mib"):
        load_scan(path, positions=positions_csv(tmp_path, 3))
