"""Going on from a saved result: as good as one run, or refused with the cure."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.pipeline.start_from_result import begin_with
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.simulate import Faults, ProbeConfig, SimulationConfig, simulate_faulty_scan, simulate_scan
from ptychoscope.simulate.faulty_scan import FaultyScan

FAULTS = {
    "nothing": Faults(),
    "probe": Faults(probe_error=0.2),
    "positions": Faults(position_error_px=0.7),
}


def made(faults: Faults) -> FaultyScan:
    config = SimulationConfig(rows=11, columns=11, sub_pixel=True, seed=2, probe=ProbeConfig(kind="disc"))
    return simulate_faulty_scan(config, faults, seed=2)


def error(result: Reconstruction, scan: FaultyScan) -> float:
    return float(compare(result, scan.truth.object, ramp=True, register=True).score.nrmse)


def stopped(scan: Scan, sweeps: int, **options: Any) -> Reconstruction:
    done = [0]
    result = reconstruct(
        scan,
        progress=lambda at: done.__setitem__(0, at.done if at.stage == "sweeps" else 0),
        stop=lambda: done[0] >= sweeps,
        **options,
    )
    assert str(result.partial).startswith(f"{sweeps} of ")
    return result


@pytest.mark.parametrize("sweeps", [2, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("faults", FAULTS)
def test_a_run_that_goes_on_ends_as_good_as_one(tmp_path: Path, faults: str, sweeps: int) -> None:
    scan = made(FAULTS[faults])
    whole = reconstruct(scan.given)
    part = stopped(scan.given, sweeps)
    save_reconstruction(part, tmp_path / "part.h5")
    result = reconstruct(scan.given, start=load_reconstruction(tmp_path / "part.h5"))
    assert error(part, scan) > 1.2 * error(whole, scan)
    assert error(result, scan) < 1.03 * error(whole, scan)
    assert result.partial is None
    assert result.provenance["start_sweeps"] == sweeps
    assert result.provenance["refine_start"] == "result"
    assert result.provenance["refine_chosen"] == whole.provenance["refine_chosen"]


def test_what_was_given_is_what_the_scan_gave() -> None:
    scan = made(FAULTS["positions"])
    part = stopped(scan.given, 12)
    result = reconstruct(scan.given, start=part, effort="fast")
    assert result.given_positions_px is not None
    np.testing.assert_array_equal(result.given_positions_px, scan.given.positions_px)
    kept = reconstruct(scan.given, start=part, refine=2)  # positions and probe of the start
    np.testing.assert_array_equal(kept.positions_px, part.positions_px)
    np.testing.assert_array_equal(kept.probe, part.probe)
    for name in ("device", "seconds", "frames_per_s", "frames"):
        assert name in kept.provenance


@pytest.fixture(scope="module")
def scan() -> Scan:
    return simulate_scan(
        SimulationConfig(patch_px=16, rows=8, columns=9, step_px=3, seed=3, domain="counts", jitter_px=1)
    )


@pytest.fixture(scope="module")
def start(scan: Scan) -> Reconstruction:
    return reconstruct(scan, refine=6)


def test_frames_are_known_by_their_numbers(scan: Scan, start: Reconstruction) -> None:
    moved = start.positions_px + np.array([0.25, -0.5])
    half = replace(
        start,
        positions_px=moved[1::2],
        given_positions_px=scan.positions_px[1::2],
        frame_numbers=np.arange(len(scan))[1::2],
    )
    begun = begin_with(scan, half)
    np.testing.assert_array_equal(begun.scan.positions_px[1::2], moved[1::2])
    np.testing.assert_array_equal(begun.scan.positions_px[::2], scan.positions_px[::2])
    few = begin_with(
        scan.select(slice(3, 20)), replace(start, positions_px=moved, given_positions_px=scan.positions_px)
    )
    np.testing.assert_array_equal(few.scan.positions_px, moved[3:20])
    assert reconstruct(scan, start=half, refine=1).provenance["refine_start"] == "result"


@pytest.mark.parametrize("offset", [(0, 0), (-300.0, 45.0), (12.3, -7.9)])
def test_a_product_of_another_program_lies_where_it_likes(
    scan: Scan, start: Reconstruction, offset: tuple[float, float]
) -> None:
    """No frame numbers, another origin: frames go by their order, the image moves by whole pixels."""
    whole = np.rint(offset)
    product = replace(
        start,
        origin_px=tuple(np.add(start.origin_px, whole).astype(int)),
        positions_px=start.positions_px + offset,
        frame_numbers=None,
        provenance={},
    )
    begun = begin_with(scan, product)
    assert begun.image.origin_px == start.origin_px
    assert np.abs(begun.scan.positions_px - scan.positions_px).max() <= 0.5
    fraction = np.asarray(offset) - whole
    np.testing.assert_allclose(begun.scan.positions_px, scan.positions_px + fraction, atol=1e-9)


def test_a_result_without_a_probe_takes_the_scans(scan: Scan, start: Reconstruction) -> None:
    np.testing.assert_array_equal(begin_with(scan, replace(start, probe=None)).scan.probe, scan.probe)


def test_the_network_of_the_start_is_remembered(scan: Scan, start: Reconstruction) -> None:
    marked = replace(start, provenance={**start.provenance, "model": "old", "partial": "1 of 2 frames"})
    result = reconstruct(scan, start=marked, refine=1)
    assert result.provenance["model"] == "old"
    assert "partial" not in result.provenance
    assert result.provenance["start_sweeps"] == 6


@pytest.mark.parametrize(
    ("change", "reading", "said", "cure"),
    [
        ({"frame_numbers": None}, {"first": 10}, "72 positions for the scan's 10 frames", "--frames"),
        ({"frame_numbers": np.arange(72) + 500}, {}, "none of the scan's 72 frames", "--frames"),
        ({"pixel_size_m": 2e-8}, {"pixel_size_m": 1e-8}, "object pixels of 20 nm", "--probe-file"),
        ({"probe": np.ones((1, 12, 12))}, {}, "patches of 12 px, the scan of 16", "--crop 12"),
        ({"probe": np.ones((1, 24, 24))}, {}, "patches of 24 px, the scan of 16", "without --crop"),
        ({"orientation": {"steps": [["flip_x", True]]}}, {}, "made with flip_x", "--orientation flip_x"),
        ({}, {"orientation": "swap_xy"}, "is read with orientation swap_xy", "without --orientation"),
        ({"provenance": {}}, {"orientation": "swap_xy"}, "differ by up to", "--orientation"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_cure(
    scan: Scan, start: Reconstruction, change: Any, reading: Any, said: str, cure: str
) -> None:
    read = scan.select(slice(reading["first"])) if "first" in reading else scan
    if "orientation" in reading:
        read = Orientation.parse(reading["orientation"]).apply(read)
    if "pixel_size_m" in reading:
        read = replace(read, pixel_size_m=reading["pixel_size_m"])
    with pytest.raises(ScanError) as found:
        reconstruct(read, start=replace(start, **change), refine=1)
    assert said in str(found.value)
    assert cure in str(found.value)


def test_a_word_that_is_none_is_named(scan: Scan) -> None:
    with pytest.raises(ConfigError, match="--start must be one of network, empty"):
        reconstruct(scan, start="full", refine=1)  # type: ignore[arg-type]
