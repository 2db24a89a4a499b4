"""R-factors of frames, against the definition in numpy; sweeps of another thread go first."""

import threading
from time import monotonic

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import Refiner

from . import scans


def refiner_of(scan, rng):
    """With frames that the object explains badly, and pixels that are unmeasured."""
    amplitudes = np.abs(scan.amplitudes + rng.normal(0, 0.3, scan.amplitudes.shape)).astype(np.float32)
    amplitudes[1:, :3, 1:] = -1
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(amplitudes, scan.positions, domain="amplitude")
    refiner.set_object(scan.object)
    return refiner, amplitudes


@pytest.mark.parametrize("side", [16, 20, 33, 64])
@pytest.mark.parametrize("modes", [1, 3])
def test_the_definition(isa, rng, side, modes):
    refiner, amplitudes = refiner_of(scans.make(side=side, modes=modes, frames=7), rng)
    known = amplitudes >= 0
    for background in (None, rng.uniform(0, 2, (side, side)).astype(np.float32)):
        refiner.set_background(background)
        apart = np.abs(amplitudes - np.sqrt(refiner.predicted()))
        expected = np.where(known, apart, 0).sum((1, 2)) / np.where(known, amplitudes, 0).sum((1, 2))
        found = refiner.r_factors()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=3e-5)
        assert refiner.r_factors(2, 5).tobytes() == found[2:5].tobytes()
        assert refiner.r_factors(7).shape == (0,)


def test_frames_that_take_no_part_have_none():
    scan = scans.make(frames=6)
    scan.amplitudes[1] = 0
    scan.positions[2] = np.nan
    scan.positions[4] = 0
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    refiner.set_object(scan.object)
    refiner.set_aside([3])
    found = refiner.r_factors()
    assert list(np.flatnonzero(np.isnan(found))) == [1, 2, 4]
    assert found[[0, 3, 5]].max() < 1e-5


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (0, 7), (4, 3), (7, None), (-(2**31), 2**31 - 1)])
def test_frames_that_were_not_added_have_none(rng, first, last):
    refiner, _ = refiner_of(scans.make(frames=6), rng)
    with pytest.raises(ConfigError, match="are not within the 6"):
        refiner.r_factors(first, last)


def test_whoever_sweeps_goes_first(rng):
    """Another thread that computes them all the time keeps a sweep waiting for a frame, not for all."""
    refiner, _ = refiner_of(scans.make(frames=400), rng)
    over, within, swept = threading.Event(), [0], 0

    def compute():
        while not over.is_set():
            before = swept
            refiner.r_factors()
            within.append(swept - before)

    thread = threading.Thread(target=compute)
    thread.start()
    until = monotonic() + 60
    while max(within) < 3 and monotonic() < until:
        refiner.sweep(step=1, regularisation=0.5, first=0, last=1, seed=swept)
        swept += 1
    over.set()
    thread.join()
    assert max(within) >= 3  # sweeps within one round of R-factors, which else would let in none


def test_a_region_of_the_object(rng):
    scan = scans.make(frames=3)
    refiner, _ = refiner_of(scan, rng)
    height, width = scan.shape
    for region in ((0, height, 0, width), (3, 10, 5, 6), (4, 4, 0, width), (height - 1, height, 2, width)):
        row0, row1, column0, column1 = region
        np.testing.assert_array_equal(
            refiner.object_region(region), refiner.object[row0:row1, column0:column1]
        )
    for region in ((-1, 3, 0, 4), (0, height + 1, 0, 4), (5, 4, 0, 4), (0, 4, 0, 2**31 - 1)):
        with pytest.raises(ConfigError, match="are not within the object"):
            refiner.object_region(region)
