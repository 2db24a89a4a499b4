"""A simulated scan that the tests of readers write in the way of each format's owner, and what must hold."""

from dataclasses import fields
from typing import Any

import h5py
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, farfield_intensity, simulate_scan

PIXEL_M = 1.25e-8
ENERGY_EV, DISTANCE_M = 8000.0, 1.5

JOULE = 1.602176634e-19
DETECTOR = "entry_1/instrument_1/detector_1"
TRANSLATION = "entry_1/sample_1/geometry_1/translation"
DOWN_AND_RIGHT = ((0, -1, 0), (-1, 0, 0))


def simulated(side: int, modes: int = 1, **options: Any) -> Scan:
    """12 noiseless patterns of an asymmetric object between pixels, as counts, with `modes` modes."""
    config = SimulationConfig(
        patch_px=side,
        rows=3,
        columns=4,
        step_px=3,
        object="asymmetric",
        sub_pixel=True,
        domain="counts",
        photons=1e5,
        noise=False,
        **options,
    )
    probe = None
    if modes > 1:
        one = simulate_scan(config).probe
        assert one is not None
        ramp = np.exp(2j * np.pi * np.arange(side) / side)
        probe = np.concatenate([one * ramp**m / (m + 1) for m in range(modes)])
    return simulate_scan(config, probe=probe)


def detector_pixel(scan: Scan) -> float:
    """The detector's pixel with which an object pixel has PIXEL_M."""
    wavelength = 4.135667696e-15 * 299792458.0 / ENERGY_EV
    return wavelength * DISTANCE_M / (scan.patch_px * PIXEL_M)


def assert_explains(scan: Scan, *, rtol: float = 1e-4) -> None:
    """The far field of the scan's own probe, object and positions is its patterns: all of it lies right."""
    assert scan.object is not None
    assert scan.probe is not None
    expected = farfield_intensity(scan.object, scan.probe, scan.positions_px)
    assert_allclose(scan.counts(), expected, rtol=rtol, atol=rtol * expected.max())


def cxi_content(scan: Scan, directions: Any = DOWN_AND_RIGHT) -> dict[str, Any]:
    """A scan as CXI defines it: z along the beam, y up, x left; the sample moves, the beam stands."""
    beam_on_sample = scan.positions_px @ np.array(directions, float) * PIXEL_M
    pixel = detector_pixel(scan)
    return {
        "cxi_version": 160,
        "number_of_entries": 1,
        TRANSLATION: -beam_on_sample,
        "entry_1/data_1/translation": h5py.SoftLink(f"/{TRANSLATION}"),
        f"{DETECTOR}/data": scan.patterns,
        "entry_1/data_1/data": h5py.SoftLink(f"/{DETECTOR}/data"),
        f"{DETECTOR}/distance": DISTANCE_M,
        f"{DETECTOR}/x_pixel_size": pixel,
        f"{DETECTOR}/y_pixel_size": pixel,
        "entry_1/instrument_1/source_1/energy": ENERGY_EV * JOULE,
        "entry_1/instrument_1/source_1/illumination": scan.probe,
    }


def assert_same_scan(a: Scan, b: Scan) -> None:
    for item in fields(Scan):
        left, right = getattr(a, item.name), getattr(b, item.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, item.name
            assert_array_equal(left, right, err_msg=item.name)
        else:
            assert left == right, item.name
