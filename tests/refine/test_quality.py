"""What the solver reaches on the shared data sets, a linear phase ramp removed: bars, with room to spare."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.io import load_scan
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.refine import refine_scan, refocused


@pytest.fixture(scope="module")
def load(data_dir):
    return lambda name: load_scan(data_dir / f"{name}.npz")


def score(result, scan):
    return compare(result, scan.object, ramp=True).score


@pytest.mark.parametrize(
    ("name", "sweeps", "bar"),
    [
        ("sim_test_mix", 3, 0.018),
        ("sim_test_mix", 10, 0.0105),
        ("sim_test_natural", 10, 0.0105),
        ("sim_test_mix_1e4", 10, 0.060),
    ],
)
def test_a_known_probe_and_an_empty_object(load, name, sweeps, bar):
    scan = load(name)
    assert score(refine_scan(scan, sweeps=sweeps), scan).nrmse <= bar


@pytest.mark.parametrize(
    "options",
    [{}, {"probe": "update"}, {"positions": "correct"}, {"probe": "update", "positions": "correct"}],
)
def test_the_star_and_no_option_that_spoils_it(load, options):
    scan = load("siemens64")
    plain, found = (
        score(refine_scan(scan, sweeps=10), scan),
        score(refine_scan(scan, sweeps=10, **options), scan),
    )
    assert found.phase_ssim >= max(0.76, plain.phase_ssim - 0.03)
    assert found.phase_psnr_db >= 25


def smoothly_wrong(probe, fraction):
    rng, k = np.random.default_rng(1), np.fft.fftfreq(64) * 64
    noise = np.fft.fft2(rng.normal(size=(64, 64)) + 1j * rng.normal(size=(64, 64)))
    error = np.fft.ifft2(noise * np.exp(-np.add.outer(k**2, k**2) / 18)) * np.abs(probe)
    return probe + error * fraction * np.linalg.norm(probe) / np.linalg.norm(error)


@pytest.mark.parametrize("wrong", ["smooth", "defocus", "far defocus"])
def test_a_wrong_probe(load, wrong):
    scan = load("sim_test_mix")
    probe = {
        "smooth": smoothly_wrong(scan.probe, 0.05),
        "defocus": refocused(scan.probe, 12.0),
        "far defocus": refocused(scan.probe, 93.0),  # a fifth of the curvature of this probe
    }[wrong]
    assert score(refine_scan(scan.with_probe(probe), sweeps=10, probe="update"), scan).nrmse <= 0.020


def test_positions_wrong_by_a_pixel(load):
    scan = load("sim_test_mix")
    moves = np.random.default_rng(0).normal(0, 1 / np.sqrt(2), scan.positions_px.shape)
    wrong = replace(scan, positions_px=scan.positions_px + moves)
    assert score(refine_scan(wrong, sweeps=10, positions="correct"), scan).nrmse <= 0.025


@pytest.mark.parametrize(("sweeps", "bar"), [(0, 0.045), (3, 0.027)])
def test_a_stream_in_scan_order(load, sweeps, bar):
    scan = load("sim_test_mix")
    assert score(reconstruct(scan, batch=8, refine_window=64, refine=sweeps), scan).nrmse <= bar


def test_a_probe_that_nobody_gave(load):
    scan = load("sim_test_mix")
    result = refine_scan(scan.with_probe(None), sweeps=30, probe="find")
    assert compare(result, scan.object, ramp=True, register=True).score.nrmse <= 0.03


def test_real_frames_need_no_warnings(load):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refine_scan(load("siemens64"), sweeps=1)
