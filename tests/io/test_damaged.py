"""Damaged and hostile .npz files: refused with a named error, and nothing large is allocated first."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan


def npz_bytes() -> bytes:
    file = io.BytesIO()
    arrays = {
        "diffraction": np.full((3, 4, 4), 0.5, np.float32),
        "xcoords": np.zeros(3),
        "ycoords": np.zeros(3),
    }
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def write_member(path, name, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)


def npy_bytes(shape, dtype="<f4", body=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + body


def test_a_shape_that_the_file_does_not_hold_is_refused_before_it_is_allocated(tmp_path):
    write_member(tmp_path / "s.npz", "diffraction.npy", npy_bytes((10**6, 10**4, 10**4)))
    with pytest.raises(ScanError, match="declares"):
        load_scan(tmp_path / "s.npz")


def test_more_than_the_machine_has_is_refused(tmp_path, monkeypatch):
    (tmp_path / "s.npz").write_bytes(npz_bytes())
    sizes = {"SC_PHYS_PAGES": 1, "SC_PAGE_SIZE": 64}
    monkeypatch.setattr("os.sysconf", sizes.__getitem__)
    with pytest.raises(ScanError, match=r"more than the .* of this machine"):
        load_scan(tmp_path / "s.npz")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"not an array", npy_bytes((3, -4, 4)), npy_bytes((2, 4, 4), body=b"x" * 9)],
)
def test_a_member_that_is_no_array(tmp_path, content):
    write_member(tmp_path / "s.npz", "diffraction.npy", content)
    with pytest.raises(ScanError, match="diffraction"):
        load_scan(tmp_path / "s.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packed_member_that_is_spoiled(tmp_path, method):
    path = tmp_path / "s.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("diffraction.npy", npy_bytes((2, 4, 4), body=np.arange(32, dtype="<f4").tobytes()))
        start = archive.getinfo("diffraction.npy").header_offset + 30 + len("diffraction.npy")
    spoiled = bytearray(path.read_bytes())
    spoiled[start + 4 : start + 40] = b"\xff" * 36
    path.write_bytes(spoiled)
    with pytest.raises(ScanError, match="damaged"):
        load_scan(path)


def test_objects_that_need_pickle_are_never_loaded(tmp_path):
    np.savez(tmp_path / "s.npz", diffraction=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ScanError, match="pickle"):
        load_scan(tmp_path / "s.npz")


def test_unknown_members_are_not_even_opened(tmp_path):
    path = tmp_path / "s.npz"
    path.write_bytes(npz_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("_metadata.npy", b"\x93NUMPY\x01\x00 nothing that could be read")
    assert len(load_scan(path)) == 3


@settings(max_examples=100)
@given(cut=st.integers(0, len(npz_bytes()) - 1))
def test_a_truncated_file_is_always_a_scan_error(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "s.npz"
    path.write_bytes(npz_bytes()[:cut])
    with pytest.raises(ScanError):
        load_scan(path)


@settings(max_examples=100)
@given(place=st.integers(0, len(npz_bytes()) - 1), value=st.integers(0, 255))
@pytest.mark.filterwarnings("ignore::ptychoscope.errors.ScanWarning")
def test_a_flipped_byte_gives_a_scan_or_a_scan_error(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("flip") / "s.npz"
    content = bytearray(npz_bytes())
    content[place] = value
    path.write_bytes(content)
    with contextlib.suppress(ScanError):
        assert len(load_scan(path)) == 3
