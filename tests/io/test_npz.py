"""The NPZ contract: keys, domain, layout, and what a saved scan gives back."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from foreign_scans import assert_same_scan
from ptychoscope.errors import OutputError, ScanError, ScanWarning
from ptychoscope.io import as_scan, load_scan, save_scan
from ptychoscope.scan import Scan


@pytest.fixture
def contract(rng):
    """The least a file of the contract holds: 7 patterns of 6 x 6 with positions."""
    return {
        "diffraction": rng.random((7, 6, 6), dtype=np.float32),
        "xcoords": np.arange(7.0),
        "ycoords": 10 + np.arange(7.0),
    }


@pytest.mark.parametrize("change", [
    {},
    {"probe": None, "object": None, "bad_pixels": None, "nominal_positions_px": None, "scan_index": None},
    {"pixel_size_m": None, "photons": None},
    {"orientation": {"steps": [["swap_xy", True], ["scale", 0.5]]}},
])  # fmt: skip
def test_a_saved_scan_comes_back_whole(tmp_path, scan, change):
    scan = replace(scan, **change)
    save_scan(scan, tmp_path / "scan.npz")
    assert_same_scan(load_scan(tmp_path / "scan.npz"), scan)
    assert [p.name for p in tmp_path.iterdir()] == ["scan.npz"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize("side", [5, 6])
def test_counts_keep_their_type_and_are_never_taken_for_amplitude(tmp_path, rng, dtype, side):
    counts = rng.integers(0, 200, (side, side, side)).astype(dtype)  # frames = side: the layout is stored
    scan = Scan(counts, np.zeros((side, 2)), "counts")
    save_scan(scan, tmp_path / "scan.npz")
    assert_same_scan(load_scan(tmp_path / "scan.npz"), scan)
    with np.load(tmp_path / "scan.npz", allow_pickle=False) as stored:
        assert "counts" in stored
        assert "diffraction" not in stored


def test_x_is_the_column_and_y_the_row(tmp_path, contract):
    np.savez(tmp_path / "s.npz", **contract)
    scan = load_scan(tmp_path / "s.npz")
    assert_array_equal(scan.positions_px, np.stack([contract["ycoords"], contract["xcoords"]], axis=1))
    assert scan.domain == "amplitude"


@pytest.mark.parametrize("key", ["diffraction", "diff3d"])
def test_both_names_of_the_patterns_are_read(contract, key):
    patterns = contract.pop("diffraction")
    assert_array_equal(as_scan({**contract, key: patterns}).patterns, patterns)


def test_the_same_patterns_under_both_names_are_read(contract):
    assert len(as_scan({**contract, "diff3d": contract["diffraction"].copy()})) == 7


@pytest.mark.parametrize(("shape", "modes"), [((6, 6), 1), ((6, 6, 1), 1), ((3, 6, 6), 3), ((1, 6, 6), 1)])
def test_every_shape_of_the_probe(contract, rng, shape, modes):
    probe = rng.normal(size=shape).astype(np.complex64)
    scan = as_scan({**contract, "probeGuess": probe})
    assert_array_equal(scan.probe, probe.reshape(modes, 6, 6))


def test_nominal_positions(contract):
    moved = {"xcoords_start": contract["xcoords"] + 0.5, "ycoords_start": contract["ycoords"]}
    assert_array_equal(as_scan({**contract, **moved}).nominal_positions_px[:, 1], np.arange(7.0) + 0.5)
    same = {"xcoords_start": contract["xcoords"], "ycoords_start": contract["ycoords"]}
    assert as_scan({**contract, **same}).nominal_positions_px is None


class TestLayout:
    def test_frames_last_is_recognised_and_said(self, contract):
        legacy = {**contract, "diffraction": np.moveaxis(contract["diffraction"], 0, 2)}
        with pytest.warns(ScanWarning, match='layout="HWN"'):
            assert_same_scan(as_scan(legacy), as_scan(contract))

    def test_said_by_the_user_it_is_silent(self, contract):
        legacy = {**contract, "diffraction": np.moveaxis(contract["diffraction"], 0, 2)}
        assert_same_scan(as_scan(legacy, layout="HWN"), as_scan(contract))

    def test_when_both_axes_fit_the_user_decides(self, contract, rng):
        cube = {**contract, "diffraction": rng.random((7, 7, 7), dtype=np.float32)}
        with pytest.raises(ScanError, match=r'layout="NHW".*layout="HWN"'):
            as_scan(cube)
        frames_first = as_scan(cube, layout="NHW").patterns
        assert_array_equal(as_scan(cube, layout="HWN").patterns, np.moveaxis(frames_first, 2, 0))


class TestDomain:
    def test_integers_are_not_amplitude(self, contract):
        counts = (contract["diffraction"] * 50).astype(np.uint16)
        with pytest.raises(ScanError, match=r'uint16.*domain="counts"'):
            as_scan({**contract, "diffraction": counts})
        assert as_scan({**contract, "diffraction": counts}, domain="counts").domain == "counts"

    def test_whole_floats_must_be_named(self, contract):
        whole = np.rint(contract["diffraction"] * 50)
        with pytest.raises(ScanError, match=r'whole.*domain="counts".*domain="amplitude"'):
            as_scan({**contract, "diffraction": whole})
        assert as_scan({**contract, "diffraction": whole}, domain="amplitude").domain == "amplitude"

    def test_asked_against_the_file_is_said(self, contract):
        with pytest.warns(ScanWarning, match="says its patterns are amplitude; they are read as counts"):
            assert as_scan({**contract, "domain": "amplitude"}, domain="counts").domain == "counts"


class TestSources:
    def test_every_source_gives_the_same_scan(self, tmp_path, contract):
        np.savez(tmp_path / "s.npz", **contract)
        positions = np.stack([contract["ycoords"], contract["xcoords"]], axis=1)
        reference = as_scan(contract)
        for source in (tmp_path / "s.npz", str(tmp_path / "s.npz"), reference,
                       (contract["diffraction"], positions)):  # fmt: skip
            assert_same_scan(as_scan(source, domain="amplitude"), reference)

    def test_a_lazy_archive_is_a_mapping(self, tmp_path, contract):
        np.savez(tmp_path / "s.npz", **contract)
        with np.load(tmp_path / "s.npz") as archive:
            assert_same_scan(as_scan(archive), as_scan(contract))

    @pytest.mark.parametrize("source", [3, None, [1, 2], (1,), (np.zeros((2, 4, 4)), 3)])
    def test_anything_else_is_refused(self, source):
        with pytest.raises(ScanError):
            as_scan(source)


def test_arrays_read_from_a_file_can_be_written_to(tmp_path, contract):
    np.savez_compressed(tmp_path / "s.npz", **contract)
    load_scan(tmp_path / "s.npz").patterns[0] = 0


def test_fortran_order_is_kept(tmp_path, contract):
    np.savez(tmp_path / "s.npz", **{**contract, "diffraction": np.asfortranarray(contract["diffraction"])})
    assert_array_equal(load_scan(tmp_path / "s.npz").patterns, contract["diffraction"])


def test_the_ending_names_the_format(tmp_path, scan):
    with pytest.raises(OutputError, match=r"\.npz"):
        save_scan(scan, tmp_path / "scan.mat")
    assert not list(tmp_path.iterdir())


def test_the_shared_data_sets_are_read(data_dir):
    star = load_scan(data_dir / "siemens64.npz")
    assert (len(star), star.patch_px, len(star.probe), star.domain) == (516, 64, 1, "amplitude")
    mix = load_scan(data_dir / "sim_test_mix.npz")
    assert mix.photons == 1e6
    assert mix.counts().sum(axis=(1, 2)).mean() == pytest.approx(1e6, rel=1e-2)
