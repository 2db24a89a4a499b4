"""A solver whose object grows is, bit for bit, one whose object was large from the start."""

import numpy as np
import pytest

from ptychoscope.live.growing_solver import GrowingSolver
from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.refine.refiner_arguments import Scratch
from ptychoscope.simulate import SimulationConfig, simulate_scan

SIDE = 16
CONFIG = SimulationConfig(patch_px=SIDE, rows=9, columns=8, step_px=5, photons=1e5, sub_pixel=True, seed=4)


@pytest.fixture(scope="module")
def scan():
    return simulate_scan(CONFIG)


def solved(scan, order, extent=None, *, patches=None, batch=5, **options):
    solver = GrowingSolver(scan.probe, extent, window_frames=12, **options)
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        solver.add(
            scan.patterns[part],
            scan.positions_px[part],
            domain=scan.domain,
            patches=None if patches is None else patches[part],
        )
    return solver


@pytest.mark.parametrize("with_patches", [False, True])
@pytest.mark.parametrize("begin", ["first", "last", "middle"])
def test_growth_changes_no_bit(scan, begin, with_patches):
    n = len(scan)
    order = {"first": np.arange(n), "last": np.arange(n)[::-1], "middle": np.roll(np.arange(n), n // 2)}[
        begin
    ]
    wave = np.random.default_rng(0).normal(size=(n, SIDE, SIDE)).astype(np.complex64)
    patches = 1 + 0.1j * wave if with_patches else None
    grown = solved(scan, order, patches=patches)
    assert grown.extent.shape > (SIDE + 2, SIDE + 2)
    large = solved(scan, order, grown.extent, patches=patches)
    assert large.extent == grown.extent
    assert grown.window.refiner.object.tobytes() == large.window.refiner.object.tobytes()
    np.testing.assert_allclose(
        grown.window.refiner.positions_px, large.window.refiner.positions_px, rtol=0, atol=1e-9
    )
    ends = [solver.window.close(sweeps=2).misfit for solver in (grown, large)]
    assert ends[0] == ends[1]
    assert grown.window.refiner.object.tobytes() == large.window.refiner.object.tobytes()
    np.testing.assert_array_equal(grown.coverage(), large.coverage())
    assert (grown.window.refiner.states == 0).all()


def test_it_does_not_matter_where_its_frames_lie(scan, tmp_path):
    order = np.arange(len(scan))[::-1]
    held = solved(scan, order)
    filed = solved(scan, order, scratch=Scratch(tmp_path, 30 * 4 * SIDE**2))
    for solver in (held, filed):
        solver.window.close(sweeps=2)
    assert held.window.refiner.object.tobytes() == filed.window.refiner.object.tobytes()
    np.testing.assert_array_equal(held.window.refiner.misfits, filed.window.refiner.misfits)


def test_growth_is_that_of_the_side_that_is_too_small(scan):
    solver = solved(scan, np.arange(8))
    before = solver.extent
    solver.add(scan.patterns[-1:], scan.positions_px[-1:], domain=scan.domain)
    after = solver.extent
    assert after.origin_px == before.origin_px
    assert after.shape[1] == before.shape[1]
    assert after.shape[0] >= 2 * before.shape[0]


def test_what_would_need_too_much_memory_does_not_fit(scan):
    solver = GrowingSolver(scan.probe, window_frames=4, most_bytes=200 * 200 * 48)
    positions = np.array([[20.0, 20.0], [22.0, 1e7], [np.nan, 0], [30.0, 20.0], [np.inf, 3], [24.0, 20.0]])
    assert solver.fits(positions).tolist() == [True, False, False, True, False, True]
    assert solver.fits(positions[:0]).tolist() == []
    solver.add(scan.patterns[:1], positions[:1], domain=scan.domain)
    assert solver.fits(positions).tolist() == [True, False, False, True, False, True]
    assert len(solver) == 1


def test_coverage_is_the_summed_probe_intensity(scan):
    solver = GrowingSolver(scan.probe, CanvasExtent((0, 0), (40, 40)), window_frames=4)
    solver.add(scan.patterns[:2], np.array([[20.0, 20.0], [20.4, 21.0]]), domain=scan.domain)
    power = np.square(np.abs(scan.probe)).sum(axis=0)
    expected = np.zeros((40, 40), np.float32)
    expected[12:28, 12:28] += power
    expected[12:28, 13:29] += power
    np.testing.assert_allclose(solver.coverage(), expected, rtol=1e-6)


def test_a_solver_without_frames_says_so(scan):
    with pytest.raises(RuntimeError, match="no frame"):
        GrowingSolver(scan.probe, window_frames=4).window  # noqa: B018
