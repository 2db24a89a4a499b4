"""Malformed files over all readers: a named error, in time, without much memory."""

import re
import time

import h5py
import hdf5plugin
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from detector_files import counts, positions_csv
from hostile_scans import CASES
from peak_memory import peak_kb
from ptychoscope.errors import MissingExtraError, PtychoscopeError
from ptychoscope.io import load_scan


def test_there_are_many():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::ptychoscope.errors.ScanWarning")
def test_a_malformed_file_is_a_named_error(tmp_path, name):
    write, said = CASES[name]
    path, options = write(tmp_path)
    before, start = peak_kb(), time.perf_counter()
    with pytest.raises(PtychoscopeError) as caught:
        load_scan(path, **options)
    assert re.search(said, str(caught.value), re.DOTALL), str(caught.value)
    assert time.perf_counter() - start < 20
    assert peak_kb() - before < 200_000  # kB


def test_a_link_out_of_the_folder_is_followed_when_it_is_allowed(tmp_path):
    """The cure that the refusal names."""
    inside = tmp_path / "inside"
    inside.mkdir()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["p"] = counts(4)
    with h5py.File(inside / "s.h5", "w") as file:
        file["p"] = h5py.ExternalLink("../other.h5", "/p")
    named = {"patterns": "/p", "positions": positions_csv(inside, 4)}
    assert_array_equal(load_scan(inside / "s.h5", **named, allow_outside=True).patterns, counts(4))


@pytest.mark.parametrize("packing", [
    hdf5plugin.Bitshuffle(cname="lz4"), hdf5plugin.Bitshuffle(cname="none"), hdf5plugin.LZ4(),
    hdf5plugin.Zstd(), hdf5plugin.Blosc(cname="zstd"), {"compression": "gzip", "shuffle": True},
    {"fletcher32": True},
], ids=lambda packing: type(packing).__name__)  # fmt: skip
def test_every_packing_is_read(tmp_path, packing):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("p", data=counts(4, 17), chunks=(1, 17, 17), **dict(packing))
    scan = load_scan(tmp_path / "s.h5", patterns="/p", positions=positions_csv(tmp_path, 4))
    assert_array_equal(scan.patterns, counts(4, 17))


def test_a_filter_that_nobody_knows_names_the_extra(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, 8, 8))
        plist.set_filter(12345, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((4, 8, 8))
        h5py.h5d.create(file.id, b"p", h5py.h5t.NATIVE_UINT16, space, plist)
    with pytest.raises(MissingExtraError, match=r"filter 12345.*ptychoscope\[files\]"):
        load_scan(tmp_path / "s.h5", patterns="/p", positions=positions_csv(tmp_path, 4))


def test_a_committed_type_is_read(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["t"] = np.dtype("u2")
        file.create_dataset("p", data=counts(4), dtype=file["t"])
    scan = load_scan(tmp_path / "s.h5", patterns="/p", positions=positions_csv(tmp_path, 4))
    assert_array_equal(scan.patterns, counts(4))
