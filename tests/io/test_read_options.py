"""Scans as people store them: what is read, what is left out with a word, and what is refused with a cure."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.io import as_scan, load_scan, save_scan
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import Scan

NY, NX, SIDE = 5, 6, 16
N = NY * NX


def silently(source, **options) -> Scan:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return as_scan(source, **options)


class TestGrids:
    @pytest.mark.parametrize("coordinates", ["flat", "grid", "column", "row", "axes", "crossed"])
    def test_four_axes_are_frames_row_by_row(self, stored, made, coordinates):
        y, x = np.meshgrid(np.arange(NY) * 3.0, np.arange(NX) * 4.0, indexing="ij")
        given = {
            "flat": (y.ravel(), x.ravel()),
            "grid": (y, x),
            "column": (y.reshape(-1, 1), x.reshape(-1, 1)),
            "row": (y.reshape(1, -1), x.reshape(1, -1)),
            "axes": (y[:, 0], x[0]),
            "crossed": (y[:, :1], x[:1]),
        }[coordinates]
        grid = stored["counts"].reshape(NY, NX, SIDE, SIDE)
        scan = silently({**stored, "counts": grid, "ycoords": given[0], "xcoords": given[1]})
        assert_array_equal(scan.patterns, made.patterns)
        assert_array_equal(scan.positions_px, np.stack([y.ravel(), x.ravel()], axis=1))

    @pytest.mark.parametrize("shape", [(NY, NX), (N, 1), (1, N)])
    def test_tables_of_positions_for_a_list_of_frames(self, stored, made, shape):
        tables = {name: stored[name].reshape(shape) for name in ("ycoords", "xcoords")}
        assert_array_equal(silently({**stored, **tables}).positions_px, made.positions_px)

    def test_commanded_positions_and_scan_index_may_be_grids_too(self, stored, made):
        start = {f"{name}_start": stored[name].reshape(NY, NX) + 1 for name in ("ycoords", "xcoords")}
        grid = {"counts": stored["counts"].reshape(NY, NX, SIDE, SIDE), "scan_index": np.zeros((NY, NX), int)}
        scan = silently({**stored, **start, **grid})
        assert_array_equal(scan.nominal_positions_px, made.positions_px + 1)
        assert scan.scan_index.shape == (N,)

    def test_frames_along_the_last_two_axes_are_said(self, stored, made):
        last = np.moveaxis(stored["counts"].reshape(NY, NX, SIDE, SIDE), (0, 1), (2, 3))
        tables = {name: stored[name].reshape(NY, NX) for name in ("ycoords", "xcoords")}
        with pytest.warns(ScanWarning, match="--layout HWN"):
            assert_array_equal(as_scan({**stored, **tables, "counts": last}).patterns, made.patterns)

    def test_when_both_pairs_fit_the_user_decides(self, rng):
        grid = rng.integers(0, 9, (4, 4, 4, 4)).astype(np.uint16)
        fields = {"counts": grid, "ycoords": rng.random((4, 4)), "xcoords": rng.random((4, 4))}
        with pytest.raises(ScanError, match=r"--layout NHW.*--layout HWN"):
            as_scan(fields)
        first, last = (as_scan(fields, layout=layout).patterns for layout in ("NHW", "HWN"))
        assert_array_equal(first, grid.reshape(16, 4, 4))
        assert_array_equal(last, np.moveaxis(grid.reshape(4, 4, 16), 2, 0))

    @pytest.mark.parametrize(("grid", "rows", "columns"), [
        ((NY, NX), (NX, NY), (NX, NY)),
        ((NY, NX), (NY, NX), (NX, NY)),
        ((NY, NX), (N - 1,), (N - 1,)),
        ((N,), (3, 3), (3, 3)),
        ((1, NY, NX), (N,), (N,)),
    ])  # fmt: skip
    def test_what_is_ambiguous_is_refused_with_the_cure(self, stored, grid, rows, columns):
        fields = {"counts": stored["counts"].reshape(*grid, SIDE, SIDE)}
        fields |= {"ycoords": np.zeros(rows), "xcoords": np.zeros(columns)}
        with pytest.raises(ScanError, match=r"reshape.*ravel"):
            as_scan({**stored, **fields})

    def test_arrays_with_a_grid_of_positions(self, made):
        grid = made.patterns.reshape(NY, NX, SIDE, SIDE), made.positions_px.reshape(NY, NX, 2)
        assert_array_equal(as_scan(grid, domain="counts").positions_px, made.positions_px)


class TestNumbersThatDiffer:
    @pytest.mark.parametrize(("positions", "patterns"), [(N + 2, N), (N, N - 3), (N - 1, N), (N, N - 1)])
    @pytest.mark.parametrize("match", ["first", "last"])
    def test_the_common_part_is_kept_counted_and_recorded(self, stored, positions, patterns, match):
        more = {name: np.resize(stored[name], positions) for name in ("ycoords", "xcoords")}
        fields = {**stored, **more, "counts": stored["counts"][:patterns]}
        with pytest.raises(ScanError, match=rf"{positions} positions for {patterns} patterns.*--match first"):
            as_scan(fields)
        with pytest.warns(ScanWarning, match=rf"{patterns} patterns and {positions} positions"):
            scan = as_scan(fields, match=match)
        n = min(positions, patterns)
        part = slice(None, n) if match == "first" else slice(-n, None)
        assert_array_equal(scan.patterns, fields["counts"][part])
        assert_array_equal(scan.positions_px[:, 0], more["ycoords"][part])
        reading = scan.orientation["reading"]
        assert (reading["match"], reading["numbers"]["positions_px"]) == (match, positions)

    @pytest.mark.parametrize(("frames", "works"), [
        (":30", True), ("3:20:2", True), (":7,9:30", True), (slice(0, 12), True), ([4, 1], True),
        (":", False), ("::2", False), (":-1", False), ("-4:", False),
    ])  # fmt: skip
    def test_frames_that_have_a_partner_may_be_named(self, stored, frames, works):
        more = {name: np.append(stored[name], [1.0]) for name in ("ycoords", "xcoords")}
        if not works:
            with pytest.raises(ScanError, match="31 positions for 30 patterns"):
                as_scan({**stored, **more}, frames=frames)
            return
        assert_array_equal(
            silently({**stored, **more}, frames=frames).patterns, silently(stored, frames=frames).patterns
        )

    def test_frames_of_a_square_detector_are_never_read_along_its_side(self, stored):
        fields = {name: stored[name][:SIDE] for name in ("ycoords", "xcoords")}
        with pytest.raises(ScanError, match=f"{SIDE} positions for {N} patterns"):
            as_scan({**stored, **fields})

    def test_numbers_of_frames_are_those_of_the_file(self, made):
        scan = as_scan(made, frames="3:9")
        assert scan.numbers.tolist() == [3, 4, 5, 6, 7, 8]
        assert scan.select(slice(2, 4)).numbers.tolist() == [5, 6]
        assert_array_equal(as_scan(made, frames=[2, -1]).numbers, [2, N - 1])

    @pytest.mark.parametrize("frames", ["40", [N], [-N - 1], np.ones(3, bool)])
    def test_frames_that_do_not_exist(self, made, frames):
        with pytest.raises(ScanError, match="frame"):
            as_scan(made, frames=frames)


class TestPositionsWithoutValue:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_those_frames_are_left_out_and_named(self, stored, value):
        y = stored["ycoords"].copy()
        y[[4, 11]] = value
        with pytest.warns(ScanWarning, match="2 of 30 frames, which are left out: frames 4, 11"):
            scan = as_scan({**stored, "ycoords": y})
        assert len(scan) == N - 2
        assert scan.orientation["reading"]["left_out_without_position"] == [4, 11]

    def test_commanded_positions_that_are_not_there_are_not_used(self, stored, made):
        start = {f"{name}_start": np.full(N, np.nan) for name in ("ycoords", "xcoords")}
        with pytest.warns(ScanWarning, match="commanded positions"):
            scan = as_scan({**stored, **start})
        assert scan.nominal_positions_px is None
        assert_array_equal(scan.positions_px, made.positions_px)

    def test_no_position_at_all(self, stored):
        with pytest.raises(ScanError, match="no position in the mapping is finite"):
            as_scan({**stored, "xcoords": np.full(N, np.nan)})

    def test_repeated_positions_are_fine(self, stored):
        y = stored["ycoords"].copy()
        y[3] = y[2]
        assert len(silently({**stored, "ycoords": y})) == N


class TestSeveralScans:
    @pytest.mark.parametrize("asked", [0, 7, "7", "all"])
    def test_one_of_them_or_all(self, stored, asked):
        index = np.where(np.arange(N) % 3, 7, 0)
        scan = silently({**stored, "scan_index": index}, scan_index=asked)
        assert len(scan) == (N if asked == "all" else (index == int(asked)).sum())
        assert len(np.unique(scan.scan_index)) == 1

    def test_what_is_not_there(self, stored):
        with pytest.raises(ScanError, match="choose one of 0, 1, or all"):
            as_scan({**stored, "scan_index": np.arange(N) % 2}, scan_index=2)
        with pytest.raises(ScanError, match="leave --scan-index out"):
            as_scan(stored, scan_index=0)
        with pytest.raises(ScanError, match="whole number or all"):
            as_scan({**stored, "scan_index": np.arange(N) % 2}, scan_index="first")


class TestValues:
    def test_int16_that_ran_over(self, stored, made):
        high = made.patterns.astype(np.int64) * 40
        wrapped = high.astype(np.uint16).astype(np.int16).astype(np.int32)
        assert wrapped.min() < 0
        with pytest.raises(ScanError, match="--negative unwrap"):
            as_scan({**stored, "counts": wrapped})
        scan = silently({**stored, "counts": wrapped}, negative="unwrap")
        assert_array_equal(scan.patterns, high % 65536)
        assert scan.orientation["reading"]["negative"] == "unwrap"

    @pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
    def test_a_subtracted_background(self, stored, made, dtype):
        below = made.patterns.astype(dtype) - 3
        with pytest.raises(ScanError, match="--negative zero"):
            as_scan({**stored, "counts": below})
        assert_allclose(silently({**stored, "counts": below}, negative="zero").patterns, np.maximum(below, 0))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -5.0, 4e9])
    def test_a_mask_beside_the_file_s_own(self, stored, made, value):
        own, mask = np.zeros((2, SIDE, SIDE), bool)
        own[2, 3], mask[9] = True, True
        patterns = made.patterns.astype(np.float32)
        patterns[:, own | mask] = value
        scan = silently({**stored, "counts": patterns, "bad_pixels": own}, mask=mask.astype(np.uint8))
        assert_array_equal(scan.bad_pixels, own | mask)
        assert not scan.patterns[:, own | mask].any()

    @pytest.mark.parametrize("mask", [np.zeros((3, 3)), np.zeros(SIDE), np.full((SIDE, SIDE), "x")])
    def test_a_mask_of_another_detector(self, stored, mask):
        with pytest.raises(ScanError, match="the mask of the mapping must be"):
            as_scan(stored, mask=mask)

    def test_another_probe_or_none(self, stored, made):
        assert silently(stored, probe="none").probe is None
        assert_array_equal(silently(stored, probe=2 * made.probe).probe, 2 * made.probe)


def test_the_steps_go_together_and_are_recorded(tmp_path, made):
    save_scan(made, tmp_path / "s.npz")
    scan = load_scan(tmp_path / "s.npz", frames="::2", crop=12, orientation=Orientation(flip_y=True))
    assert (len(scan), scan.patch_px) == (N // 2, 12)
    assert_allclose(scan.positions_px, made.positions_px[::2] * 12 / SIDE * [-1, 1])
    assert scan.orientation["steps"] == [["flip_y", True]]
    assert scan.orientation["reading"]["crop"] == {"from_px": [SIDE, SIDE], "to_px": 12}


@pytest.mark.parametrize("options", [{"match": "middle"}, {"negative": "drop"}, {"crop": 1}])
def test_options_that_cannot_be(stored, options):
    fields = {**stored, "counts": stored["counts"].astype(np.float32)}
    if "match" in options:
        fields["counts"] = fields["counts"][:-1]
    with pytest.raises(ConfigError):
        as_scan(fields, **options)


def test_read_again_a_scan_is_the_same(made):
    assert as_scan(made) is made
    twice = as_scan(as_scan(made, frames="2:20"), frames="1::2")
    assert_array_equal(twice.patterns, made.patterns[3:20:2])
