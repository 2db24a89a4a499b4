"""What `diffraction` holds where nobody says and it is not whole: the probe tells counts from amplitude."""

import warnings

import numpy as np
import pytest

from ptychoscope.errors import ScanWarning
from ptychoscope.io import as_scan, load_scan
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

SIDE = 16
DIVIDED = "patterns in .* were divided by something"
pytestmark = pytest.mark.filterwarnings(f"ignore:{DIVIDED}")


def silently(source, **options) -> Scan:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", DIVIDED)
        return as_scan(source, **options)


@pytest.mark.parametrize("spoil", ["flat field", "maximum", "exposure", "gain", "mean"])
@pytest.mark.parametrize("masked", [False, True])
def test_counts_are_told_by_the_probe(stored, made, rng, spoil, masked):
    counts = made.patterns.astype(np.float64)
    mask = np.zeros((SIDE, SIDE), bool)
    divisor = {
        "flat field": 1 + 0.1 * rng.normal(size=(SIDE, SIDE)), "maximum": counts.max(),
        "exposure": 0.0137, "gain": 1.37, "mean": counts.mean(),
    }[spoil]  # fmt: skip
    values = (counts / divisor).astype(np.float32)
    if masked:
        mask[3] = True
        values[:, mask] = 4e9
    fields = {**stored, "diffraction": values, "bad_pixels": mask}
    del fields["counts"]
    with pytest.warns(ScanWarning, match="read as counts: say --domain counts.*--domain amplitude"):
        assert as_scan(fields).domain == "counts"
    assert silently(fields, domain="amplitude").domain == "amplitude"
    assert silently({**fields, "domain": "amplitude"}).domain == "amplitude"


@pytest.mark.parametrize("scale", [1.0, 0.5, 1e-3, 1e3])
@pytest.mark.parametrize("photons", [30, 1e3, 1e5])
def test_amplitude_stays_amplitude(photons, scale):
    made = simulate_scan(
        SimulationConfig(rows=4, columns=5, patch_px=SIDE, step_px=3, seed=2, photons=photons)
    )
    y, x = made.positions_px.T
    values = made.amplitude() * np.float32(scale)
    fields = {"diffraction": values, "ycoords": y, "xcoords": x, "probeGuess": made.probe}
    assert silently(fields).domain == "amplitude"


@pytest.mark.parametrize("name", ["siemens64", "sim_test_mix", "sim_test_natural", "sim_test_mix_1e4"])
@pytest.mark.parametrize("scale", [1.0, 0.6, 1e-4])
def test_real_and_simulated_scans(data_dir, name, scale):
    scan = load_scan(data_dir / f"{name}.npz", frames="::8")
    y, x = scan.positions_px.T
    fields = {"ycoords": y, "xcoords": x, "probeGuess": scan.probe}
    assert silently({**fields, "diffraction": scan.amplitude() * np.float32(scale)}).domain == "amplitude"
    fractional = scan.counts() * np.float32(scale) / np.float32(1.07)
    with pytest.warns(ScanWarning, match="--domain counts"):
        assert as_scan({**fields, "diffraction": fractional}).domain == "counts"


def test_without_a_probe_nothing_is_told(stored, made):
    values = (made.patterns / 1.37).astype(np.float32)
    fields = {"diffraction": values, "ycoords": stored["ycoords"], "xcoords": stored["xcoords"]}
    assert silently(fields).domain == "amplitude"
