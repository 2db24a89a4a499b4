"""refine_best: what it chooses on scans whose faults are known, and that choosing does no harm."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.bench.refine_realistic import EVERYTHING, SCAN
from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.metrics import compare
from ptychoscope.refine import refine_best
from ptychoscope.simulate import Faults, ProbeConfig, SimulationConfig, simulate_faulty_scan


def made(faults, modes=1, seed=2):
    config = SimulationConfig(
        rows=13, columns=13, sub_pixel=True, seed=seed, probe=ProbeConfig(kind="disc", modes=modes)
    )
    return simulate_faulty_scan(config, faults, seed=seed)


def error(result, made):
    return float(compare(result, made.truth.object, ramp=True, register=True).score.nrmse)


@pytest.fixture(scope="module")
def clean():
    scan = made(Faults())
    return error(refine_best(scan.given), scan)


@pytest.mark.parametrize(
    ("faults", "chosen"),
    [
        (Faults(), ("probe kept", "positions kept", "1 mode(s)", "no background")),
        (Faults(probe_error=0.2), ("probe updated",)),
        (Faults(position_error_px=0.7), ("positions corrected", "1 mode(s)")),
        (Faults(background=0.002), ("counts a pixel",)),
        (Faults(dead=0.005, gap_columns_px=2), ("probe kept", "positions kept")),
    ],
)
def test_each_fault_is_recognised_and_mended(clean, faults, chosen):
    scan = made(faults)
    result = refine_best(scan.given)
    for part in chosen:
        assert part in result.provenance["refine_chosen"]
    assert error(result, scan) < 1.25 * clean


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 7])
def test_everything_wrong_at_once(seed):
    scan = simulate_faulty_scan(replace(SCAN, seed=seed), EVERYTHING, seed=seed)
    assert error(refine_best(scan.given), scan) < 0.020


def test_modes_are_added_where_they_pay():
    scan = made(Faults(given_modes=1), modes=2)
    result = refine_best(scan.given, effort="fast")
    powers = [float(p) for p in result.provenance["refine_mode_power"].split()]
    assert len(powers) == result.provenance["refine_modes"] > 1
    assert powers == sorted(powers, reverse=True)
    assert sum(powers) == pytest.approx(1, abs=0.01)


def test_wild_frames_are_set_aside_by_number(clean):
    scan = made(Faults(wild_frames=3))
    with pytest.warns(ScanWarning, match=r"3 frame\(s\)"):
        result = refine_best(scan.given)
    assert result.provenance["refine_set_aside"] == ", ".join(str(k) for k in sorted(scan.wild_frames))
    assert error(result, scan) < 1.25 * clean


def test_what_is_asked_for_is_done():
    scan = made(Faults())
    result = refine_best(
        scan.given, effort="fast", probe="update", positions="correct", modes=2, background=True
    )
    assert len(result.probe) == 2
    for part in ("probe updated", "positions corrected", "2 mode(s)", "counts a pixel"):
        assert part in result.provenance["refine_chosen"]
    kept = refine_best(scan.given, effort="fast", probe="keep", positions="keep", modes=1, background=False)
    assert kept.provenance["refine_gains"] == ""
    np.testing.assert_array_equal(kept.positions_px, scan.given.positions_px)


def test_a_scan_without_a_probe():
    scan = made(Faults())
    result = refine_best(scan.given.with_probe(None))
    assert error(result, scan) < 0.06


@pytest.mark.parametrize("frames", [1, 5, 19])
def test_few_frames(frames):
    scan = made(Faults())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "the image does not explain")  # few frames leave few to explain
        result = refine_best(scan.given.select(slice(0, frames)), effort="fast")
    assert np.isfinite(result.object).all()


@pytest.mark.parametrize(
    "options", [{"effort": "more"}, {"modes": 0}, {"probe": "guess"}, {"position_limit_px": 0}]
)
def test_options_that_cannot_be(options):
    with pytest.raises(ConfigError):
        refine_best(made(Faults()).given, **options)


def test_no_frames():
    with pytest.raises(ScanError, match="no frames"):
        refine_best(made(Faults()).given.select(slice(0, 0)))
