"""Two halves of the frames: what both show, and down to which detail."""

import warnings

import numpy as np
import pytest

from ptychoscope.errors import ScanWarning
from ptychoscope.metrics import compare
from ptychoscope.metrics.resolution import resolution
from ptychoscope.pipeline.half_split import curve
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan


def made(photons: float) -> Scan:
    return simulate_scan(
        SimulationConfig(
            patch_px=32,
            rows=14,
            columns=14,
            step_px=4,
            seed=5,
            domain="counts",
            photons=photons,
            sub_pixel=True,
        )
    )


@pytest.fixture(scope="module")
def scan() -> Scan:
    return made(1e4)


def test_it_is_the_correlation_of_every_other_frame(scan: Scan) -> None:
    result = reconstruct(scan, refine=5, halves=True)
    even, odd = (reconstruct(scan.select(slice(k, None, 2)), refine=5) for k in (0, 1))
    expected = curve(compare(even, odd, register=True, ramp=True).correlation)
    np.testing.assert_array_equal(result.halves_frc, expected)
    np.testing.assert_array_equal(result.object, reconstruct(scan, refine=5).object)


@pytest.mark.filterwarnings("ignore:the image does not explain")
def test_more_photons_resolve_more(scan: Scan) -> None:
    found = [resolution(reconstruct(each, refine=5, halves=True)) for each in (made(1e3), scan, made(1e6))]
    bits = [each.half_bit for each in found if each is not None]
    assert len(bits) == 3
    assert bits[0] < bits[1] < bits[2]


@pytest.mark.parametrize("options", [{"effort": "fast"}, {"refine": 1, "refine_window": 32}])
def test_whatever_the_plan_is(scan: Scan, options: dict) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScanWarning)  # one sweep explains little
        result = reconstruct(scan, halves=True, **options)
    assert result.halves_frc is not None
    assert result.halves_frc.shape[0] == 3


def test_halves_that_share_no_area_say_so(scan: Scan) -> None:
    apart = scan.select(np.array([0, 13]))  # the ends of a row
    with pytest.warns(ScanWarning, match="the two halves cannot be compared"):
        result = reconstruct(apart, refine=1, halves=True)
    assert (result.halves_frc, result.partial) == (None, None)
