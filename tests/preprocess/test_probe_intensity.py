"""The probe's scale: its summed intensity stands for the photons per pattern."""

import numpy as np
import pytest

from ptychoscope.errors import ScanError
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan

P = 6


def scan_of(counts: np.ndarray, power: float, domain: str = "counts", modes: int = 2) -> Scan:
    rng = np.random.default_rng(3)
    probe = rng.normal(size=(modes, P, P)) + 1j * rng.normal(size=(modes, P, P))
    probe *= np.sqrt(power / np.square(np.abs(probe)).sum())
    patterns = np.sqrt(counts) if domain == "amplitude" else counts
    return Scan(patterns, np.zeros((len(patterns), 2)), domain, probe=probe)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
@pytest.mark.parametrize("n", [1, 255, 256, 257])
def test_mean_counts_is_the_mean_of_the_sums(dtype: type, domain: str, n: int) -> None:
    counts = np.square(np.random.default_rng(n).integers(0, 15, (n, P, P))).astype(dtype)
    expected = counts.sum(axis=(1, 2), dtype=np.float64).mean()
    assert scan_of(counts, 1.0, domain).mean_counts == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("ratio", [0.26, 1.0, 3.9])
def test_a_probe_of_the_right_scale_is_left_alone(ratio: float) -> None:
    scan = scan_of(np.full((5, P, P), 100, np.uint16), 100 * P * P / ratio)
    assert matched_probe(scan) is scan.probe


@pytest.mark.parametrize("ratio", [1e-6, 0.2, 4.5, 1e6])
def test_a_probe_of_another_scale_is_brought_to_the_counts(ratio: float) -> None:
    scan = scan_of(np.full((5, P, P), 100, np.uint16), 100 * P * P / ratio)
    with pytest.warns(UserWarning, match="photons per pattern"):
        probe = matched_probe(scan)
    assert probe.dtype == np.complex64
    assert np.square(np.abs(probe)).sum() == pytest.approx(100 * P * P, rel=1e-4)
    np.testing.assert_allclose(np.angle(probe), np.angle(scan.probe), atol=1e-5)


@pytest.mark.parametrize("n", [0, 3])
def test_dark_scans_have_no_scale(n: int) -> None:
    with pytest.raises(ScanError, match="no photons"):
        matched_probe(scan_of(np.zeros((n, P, P), np.uint16), 1.0))


def test_a_scan_without_probe_says_what_to_do() -> None:
    with pytest.raises(ScanError, match="with_probe"):
        matched_probe(scan_of(np.ones((2, P, P)), 1.0).with_probe(None))
