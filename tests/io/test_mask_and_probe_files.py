"""A probe and a mask from any file that holds one."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from foreign_scans import cxi_content, simulated
from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan, save_scan
from ptychoscope.io.mask_and_probe_files import load_mask, load_probe


@pytest.mark.parametrize("ending", [".npz", ".cxi", ".nxs"])
@pytest.mark.parametrize("modes", [1, 3])
def test_a_probe_of_any_scan_with_all_its_modes(tmp_path, ending, modes):
    scan = replace(simulated(12, modes), pixel_size_m=1e-8)
    save_scan(scan, tmp_path / f"a{ending}")
    probe = load_probe(tmp_path / f"a{ending}")
    assert_array_equal(np.atleast_3d(probe).reshape(scan.probe.shape), scan.probe)
    other = load_scan(tmp_path / f"a{ending}", probe=probe)
    assert_array_equal(other.probe, scan.probe)


def test_a_probe_in_a_named_data_set(h5):
    scan = simulated(12, 2)
    path = h5("a.h5", {"p": scan.probe[None], "flat": scan.probe.real, "deep/one": scan.probe[0]})
    assert_array_equal(load_probe(f"{path}:/p"), scan.probe)
    assert_array_equal(load_probe(f"{path}:/deep/one"), scan.probe[0])
    with pytest.raises(ScanError, match="complex"):
        load_probe(f"{path}:/flat")
    with pytest.raises(ScanError, match="no data set /none"):
        load_probe(f"{path}:/none")


def test_a_scan_without_a_probe_is_named(h5, tmp_path):
    parts = cxi_content(simulated(12))
    del parts["entry_1/instrument_1/source_1/illumination"]
    with pytest.raises(ScanError, match="holds no probe"):
        load_probe(h5("a.cxi", parts))
    np.savez(tmp_path / "a.npz", counts=np.zeros(3))
    with pytest.raises(ScanError, match="holds no probe"):
        load_probe(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["npy", "tiff 1 bit", "tiff 8 bit", "tiff float", "hdf5"])
def test_a_mask_of_any_kind(tmp_path, kind):
    mask = np.zeros((5, 7), bool)
    mask[1, 2] = mask[4, 6] = True
    path = tmp_path / "mask"
    if kind == "npy":
        np.save(path.with_suffix(".npy"), mask)
        place = str(path.with_suffix(".npy"))
    elif kind == "hdf5":
        with h5py.File(path, "w") as file:
            file["entry/mask"] = mask.astype(np.uint32) * 8
        place = f"{path}:/entry/mask"
    else:
        dtype = {"tiff 1 bit": bool, "tiff 8 bit": np.uint8, "tiff float": np.float32}[kind]
        Image.fromarray(mask.astype(dtype)).save(path, format="TIFF")
        place = str(path)
    assert_array_equal(load_mask(place).astype(bool), mask)


def test_what_is_no_mask_is_named(tmp_path, rng):
    pages = [Image.fromarray(np.zeros((4, 4), np.uint8)) for _ in range(2)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(ScanError, match="2 pages"):
        load_mask(tmp_path / "two.tif")
    Image.fromarray(rng.integers(0, 9, (4, 4, 3)).astype(np.uint8)).save(tmp_path / "colours.tif")
    with pytest.raises(ScanError, match=r"must be \(H, W\)"):
        load_mask(tmp_path / "colours.tif")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "two.tif").read_bytes()[:20])
    with pytest.raises(ScanError, match=r"cut\.tif"):
        load_mask(tmp_path / "cut.tif")
