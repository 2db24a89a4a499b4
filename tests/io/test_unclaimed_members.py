"""A member of an .npz that no key claims gets a word, with the key that it is close to; sums are checked."""

import warnings
import zipfile

import numpy as np
import pytest

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io import load_scan


def write(path, **more):
    arrays = {"counts": np.ones((4, 6, 6), np.uint16), "xcoords": np.arange(4.0), "ycoords": np.arange(4.0)}
    np.savez(path, **arrays | more)
    return path


@pytest.mark.parametrize("key", ["bad_pixels", "probeGuess", "orientation", "pixel_size_m", "scan_index"])
@pytest.mark.parametrize("bit", range(5))
def test_a_flipped_bit_in_a_name_is_said(tmp_path, key, bit):
    name = key[:-1] + chr(ord(key[-1]) ^ (1 << bit))
    with pytest.warns(ScanWarning, match=rf"close to {key}.*not read"):
        load_scan(write(tmp_path / "s.npz", **{name: np.zeros(3)}))


def test_all_are_named_at_once_and_close_ones_first(tmp_path):
    more = {f"extra{k}": np.zeros(2) for k in range(9)} | {"bad_pixel": np.zeros((6, 6), bool)}
    with pytest.warns(ScanWarning) as said:
        load_scan(write(tmp_path / "s.npz", **more))
    assert len(said) == 1
    assert "holds 'bad_pixel' (close to bad_pixels), 'extra0'" in str(said[0].message)
    assert "and 2 more" in str(said[0].message)


@pytest.mark.parametrize(
    ("name", "called"),
    [("mask", "bad_pixels, true where"), ("probe", "probeGuess"), ("Object", "objectGuess")],
)
def test_what_other_programs_call_the_same_is_said(tmp_path, name, called):
    with pytest.warns(ScanWarning, match=rf"'{name}' \(here it is called {called}"):
        load_scan(write(tmp_path / "s.npz", **{name: np.zeros((6, 6))}))


def test_positions_of_another_name_are_said(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, counts=np.ones((4, 6, 6), np.uint16), positions=np.zeros((4, 2)))
    with pytest.raises(ScanError, match=r"holds counts, positions: write .* ycoords \(n,\) and xcoords"):
        load_scan(path)


@pytest.mark.parametrize("name", ["_metadata", "_notes"])
def test_notes_behind_an_underscore_are_silent(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_scan(write(tmp_path / "s.npz", **{name: np.zeros(3)}))


def test_the_cure_of_a_wrong_name_is_the_right_one(tmp_path):
    mask = np.zeros((6, 6), bool)
    mask[1, 2] = True
    assert load_scan(write(tmp_path / "s.npz", bad_pixels=mask)).bad_pixels.sum() == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path):
    path = write(tmp_path / "s.npz")
    with zipfile.ZipFile(path) as archive:
        again = archive.read("xcoords.npy")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xcoords.npy", again)
    with pytest.raises(ScanError, match="two arrays of one name"):
        load_scan(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("key", ["counts", "xcoords"])
def test_a_wrong_checksum_is_refused(tmp_path, packed, key):
    path = tmp_path / "s.npz"
    arrays = {"counts": np.ones((4, 6, 6), np.uint16), "xcoords": np.arange(4.0), "ycoords": np.arange(4.0)}
    (np.savez_compressed if packed else np.savez)(path, **arrays)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        crc = archive.getinfo(f"{key}.npy").CRC.to_bytes(4, "little")
    data = data.replace(crc, (int.from_bytes(crc, "little") ^ 1).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(ScanError, match=r"CRC|damaged"):
        load_scan(path)


def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = write(tmp_path / "s.npz", é=np.zeros(2))
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xb5\xff"))
    with pytest.raises(ScanError, match="damaged or truncated"):
        load_scan(path)


def test_a_directory_that_lost_members_is_refused(tmp_path):
    """A comment that swallows the rest of the directory, as one flipped bit makes it."""
    path = write(tmp_path / "s.npz", bad_pixels=np.zeros((6, 6), bool))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02", data.rindex(b"ycoords.npy") - 60)
    data[at + 33] = 1  # its comment has 256 bytes
    path.write_bytes(data)
    with pytest.raises(ScanError, match="as many members as it says"):
        load_scan(path)


@pytest.mark.slow
def test_an_archive_of_more_members_than_16_bits_count_is_read(tmp_path):
    path = write(tmp_path / "s.npz")
    with zipfile.ZipFile(path, "a") as archive:
        for k in range(66000):
            archive.writestr(f"_{k}", b"")
    assert len(load_scan(path)) == 4
