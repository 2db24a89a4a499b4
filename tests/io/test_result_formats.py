"""Saved results: the format is what the ending says, and every format but TIFF gives back the same result."""

import json
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from ptychoscope.errors import OutputError, ResultError
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.io.mask_and_probe_files import load_probe
from ptychoscope.io.results.formats import FORMATS, check_result_name, is_result
from ptychoscope.io.results.read_hdf5 import read_unsealed
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.verdict import Verdict

READABLE = [ending for ending in FORMATS if not ending.startswith(".tif")]
N, SIDE = 5, 4


@pytest.fixture
def verdict(rng) -> Verdict:
    return Verdict(
        misfit=0.3, noise=0.1, differences=2.0, differences_noise=1 / 3,
        frame_misfit=np.where(np.arange(N) == 2, np.nan, rng.random(N)),
        pixel_misfit=rng.random((SIDE, SIDE)), frames_apart=np.array([1, 4]),
        pixels_apart=rng.random((SIDE, SIDE)) < 0.3,
    )  # fmt: skip


@pytest.fixture
def result(rng, verdict) -> Reconstruction:
    shape = (9, 12)
    wave = rng.normal(size=(2, *shape)).astype(np.float32)
    return Reconstruction(
        object=wave[0] + 1j * wave[1], coverage=rng.random(shape), spread=rng.random(shape),
        origin_px=(-3, 17), pixel_size_m=1.7e-8 / 3, positions_px=rng.uniform(0, 20, (N, 2)),
        probe=rng.normal(size=(2, SIDE, SIDE)) + 1j, given_positions_px=rng.uniform(0, 20, (N, 2)),
        given_probe=rng.normal(size=(1, SIDE, SIDE)) + 2j, background=rng.random((SIDE, SIDE)),
        verdict=verdict, orientation={"steps": [["swap_xy", True]]},
        provenance={"scan_file": "sčan.npz", "frames": 5, "seconds": 0.1, "date_utc": "2026-11-29T01:02:03Z"},
    )  # fmt: skip


def assert_same(back, result):
    for item in fields(type(result)):
        got, wanted = getattr(back, item.name), getattr(result, item.name)
        if isinstance(wanted, Verdict):
            assert_same(got, wanted)
        elif isinstance(wanted, np.ndarray):
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape), item.name
            assert got.tobytes() == wanted.tobytes(), item.name
        else:
            assert got == wanted, item.name


@pytest.mark.parametrize("ending", READABLE)
@pytest.mark.parametrize("change", [
    {}, {"probe": None, "given_probe": None}, {"pixel_size_m": None}, {"verdict": None},
    {"given_positions_px": None, "given_probe": None, "background": None}, {"orientation": {}},
    {"positions_px": np.empty((0, 2)), "given_positions_px": None, "verdict": None},
    {"object": np.ones((1, 1)), "coverage": np.ones((1, 1)), "spread": np.zeros((1, 1))},
    {"object": np.zeros((9, 12)), "coverage": np.zeros((9, 12)), "origin_px": (10**6 + 1, -(10**6))},
    {"probe": np.ones((3, 5, 5)), "given_probe": None},
], ids=lambda change: ",".join(change) or "all")  # fmt: skip
def test_a_result_comes_back_bit_for_bit(tmp_path, result, ending, change):
    result = replace(result, **change)
    path = tmp_path / f"object{ending.upper() if ending == '.h5' else ending}"
    save_reconstruction(result, path)
    assert_same(load_reconstruction(path), result)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert is_result(path)


@pytest.mark.parametrize(("ending", "head"), [
    (".h5", b"\x89HDF"), (".hdf5", b"\x89HDF"), (".cxi", b"\x89HDF"), (".npz", b"PK\x03\x04"),
    (".tif", b"II*\0"), (".tiff", b"II*\0"),
])  # fmt: skip
def test_a_file_is_what_its_ending_says(tmp_path, result, ending, head):
    save_reconstruction(result, tmp_path / f"o{ending}")
    assert (tmp_path / f"o{ending}").read_bytes().startswith(head)


@pytest.mark.parametrize("name", ["object", "object.png", "object.mat", "object.h5.gz"])
def test_other_endings_are_refused_with_those_that_are_known(tmp_path, result, name):
    for refuse in (lambda path: save_reconstruction(result, path), check_result_name):
        with pytest.raises(OutputError, match=r"\.h5, \.hdf5, \.cxi, \.npz, \.tif, \.tiff"):
            refuse(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", FORMATS)
def test_nothing_is_left_where_nothing_can_be_written(tmp_path, result, ending):
    with pytest.raises(OutputError, match="no folder"):
        save_reconstruction(result, tmp_path / "absent" / f"o{ending}")
    assert not list(tmp_path.iterdir())


def test_npz_is_for_numpy_alone(tmp_path, result):
    save_reconstruction(result, tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz", allow_pickle=False) as file:
        assert_array_equal(file["object"], result.object)
        assert_allclose(file["amplitude"], np.abs(result.object))
        turned = file["amplitude"] * np.exp(1j * file["phase"])
        assert np.ptp(np.angle(turned / result.object)) < 1e-5
        assert json.loads(str(file["provenance"]))["scan_file"] == "sčan.npz"
        assert json.loads(str(file["origin_px"])) == [-3, 17]


@pytest.mark.parametrize("pixel", [1.7e-8, 1e-9, 0.5e-3, None])
def test_tiff_holds_phase_and_amplitude(tmp_path, result, pixel):
    """As Pillow reads it, and tifffile where it is installed."""
    result = replace(result, pixel_size_m=pixel)
    save_reconstruction(result, tmp_path / "o.tif")
    with Image.open(tmp_path / "o.tif") as file:
        assert file.n_frames == 2
        for page, (name, values) in enumerate(
            [("Phase (rad)", result.phase_rad()), ("Amplitude", np.abs(result.object))]
        ):
            file.seek(page)
            assert (file.mode, file.tag_v2[285]) == ("F", name)
            assert_array_equal(np.asarray(file), values)
            about = json.loads(file.tag_v2[270])
            assert about["provenance"] == result.provenance
            assert about["pixel_size_m"] == pixel
            if pixel is not None:
                assert file.tag_v2[296] == 3
                assert float(file.tag_v2[282]) == pytest.approx(0.01 / pixel, rel=1e-6)
                assert file.tag_v2[282] == file.tag_v2[283]
    with pytest.raises(ResultError, match=r"TIFF, which holds .* no probe"):
        load_reconstruction(tmp_path / "o.tif")


def test_tiff_is_read_by_tifffile(tmp_path, result):
    tifffile = pytest.importorskip("tifffile", reason="tifffile belongs to the group dev")
    save_reconstruction(result, tmp_path / "o.tif")
    assert_array_equal(
        tifffile.imread(tmp_path / "o.tif", key=range(2)), [result.phase_rad(), np.abs(result.object)]
    )
    with tifffile.TiffFile(tmp_path / "o.tif") as file:
        assert [page.dtype for page in file.pages] == [np.float32, np.float32]
        assert json.loads(file.pages[0].description)["page"] == "Phase (rad)"


def test_the_phase_is_about_its_mean_where_it_is_well_covered(result):
    """A constant phase of the whole is measured by nobody, and the rim does not decide."""
    coverage = np.ones((9, 12))
    coverage[:, -1], coverage[0, 0] = 0.1, 0
    phase = 0.3 * np.sin(np.arange(108)).reshape(9, 12)
    image = np.exp(1j * (phase + 2.9))
    image[:, -1], image[0, 0] = 50j, 0
    found = replace(result, object=image, coverage=coverage).phase_rad()
    inside = np.s_[1:, :-1]
    assert_allclose(np.ptp(found[inside] - phase[inside]), 0, atol=1e-5)
    assert abs(found[inside].mean()) < 0.05
    assert found[0, 0] == 0


@pytest.mark.parametrize(("ending", "entry"), [(".h5", "entry"), (".cxi", "entry_1")])
@pytest.mark.parametrize("pixel", [2e-8, None])
def test_nexus_viewers_find_the_phase(tmp_path, result, ending, entry, pixel):
    """From the root by `default` to a group whose `signal` is an image on `axes` with units."""
    result = replace(result, pixel_size_m=pixel)
    save_reconstruction(result, tmp_path / f"o{ending}")
    with h5py.File(tmp_path / f"o{ending}") as file:
        assert (file.attrs["NX_class"], file.attrs["default"]) == ("NXroot", entry)
        group = file[entry]
        assert group.attrs["NX_class"] == "NXentry"
        data = group[group.attrs["default"]]
        assert data.attrs["NX_class"] == "NXdata"
        assert_array_equal(data[data.attrs["signal"]], result.phase_rad())
        assert [str(name) for name in data.attrs["auxiliary_signals"]] == ["amplitude"]
        assert_array_equal(data["amplitude"], np.abs(result.object))
        for k, name in enumerate(data.attrs["axes"]):
            axis = data[name]
            assert axis.attrs["units"] == ("px" if pixel is None else "m")
            assert axis.shape == (result.object.shape[k],)
            assert axis[0] == result.origin_px[k] * (pixel or 1)


@pytest.mark.parametrize("ending", [".h5", ".cxi"])
@pytest.mark.parametrize("side", [4, 5])
def test_positions_in_metres_mean_what_they_mean_to_ptychodus(tmp_path, result, ending, side):
    """Its patches reach from the position - P / 2 on, so that odd sides are centred between our pixels."""
    result = replace(result, probe=np.ones((1, side, side)), given_probe=None, background=None, verdict=None)
    path = tmp_path / f"o{ending}"
    save_reconstruction(result, path)
    with h5py.File(path, "a") as file:
        if ending == ".h5":
            centre, metres = file["object"].attrs["center_x_m"], file["probe_position_x_m"][()]
            del file["ptychoscope"]
        else:
            centre = file["entry_1/ptychodus/object_center_x_m"][()]
            metres = file["entry_1/data_1/translation"][:, 0]
            del file["entry_1/ptychoscope"]
        del file.attrs["ptychoscope_sealed"]
    corner = (metres - centre) / result.pixel_size_m + 12 / 2 - side / 2
    assert_allclose(corner, result.positions_px[:, 1] - 17 - side // 2, atol=1e-9)
    arrays, facts = read_unsealed(str(path))
    assert facts["origin_px"] == result.origin_px
    assert_allclose(arrays["positions_px"], result.positions_px, atol=1e-9)
    assert_array_equal(arrays["object"], result.object)
    assert_array_equal(arrays["probe"], result.probe)


@pytest.mark.parametrize(("change", "message"), [
    ({"object": np.array([[1, np.nan]])}, r"object must be finite .* 1 of 2 .* \(0, 1\)"),
    ({"positions_px": np.full((N, 2), np.inf)}, "positions_px must be finite"),
    ({"given_positions_px": np.full((N, 2), np.nan)}, "given_positions_px must be finite"),
    ({"probe": np.full((1, 4, 4), np.nan)}, "probe must be finite"),
    ({"object": np.full((9, 12), 1e300)}, "object must be finite"),
    ({"origin_px": (np.nan, 0)}, "two whole numbers"), ({"origin_px": (0,)}, "two whole numbers"),
    ({"origin_px": (0, np.inf)}, "two whole numbers"), ({"pixel_size_m": np.nan}, "pixel_size_m"),
])  # fmt: skip
def test_what_is_not_finite_is_no_result(result, change, message):
    if change.get("object") is not None and change["object"].shape == (1, 2):
        change |= {"coverage": np.ones((1, 2)), "spread": np.ones((1, 2))}
    with pytest.raises(ResultError, match=message):
        replace(result, **change)


@pytest.mark.parametrize("ending", READABLE)
def test_the_probe_of_a_result_serves_a_scan(tmp_path, result, ending):
    save_reconstruction(result, tmp_path / f"o{ending}")
    assert_array_equal(load_probe(tmp_path / f"o{ending}"), result.probe)
