"""Sweeps that keep up with a scan."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import MovingWindowRefiner

from . import definition, scans


@pytest.fixture(scope="module")
def scan():
    made = scans.make(side=32, frames=120, shape=(86, 82), seed=5, photons=1e6)
    order = np.lexsort((made.positions[:, 1], made.positions[:, 0] // 8))
    made.positions, made.amplitudes = made.positions[order], made.amplitudes[order]
    return made


def streamed(scan, *, patches=None, **options):
    stream = MovingWindowRefiner(scan.shape, scan.probe, **options)
    for k in range(0, len(scan.positions), 8):
        part = slice(k, k + 8)
        stream.add(
            scan.amplitudes[part],
            scan.positions[part],
            domain="amplitude",
            patches=None if patches is None else patches[part],
        )
    return stream


def error(stream, scan):
    middle = np.s_[20:-20, 20:-20]
    found, truth = stream.refiner.object[middle], scan.object[middle]
    return np.linalg.norm(found * np.vdot(found, truth) / np.vdot(found, found) - truth) / np.linalg.norm(
        truth
    )


def test_closing_sweeps_improve_what_the_stream_left(scan):
    stream = streamed(scan)
    live = error(stream, scan)
    report = stream.close()
    assert report.frames == len(scan.positions)
    assert error(stream, scan) < 0.7 * live
    assert stream.refiner.coverage.max() > 0


def test_a_wider_window_sees_more(scan):
    assert error(streamed(scan, window_frames=64), scan) < error(streamed(scan, window_frames=8), scan)


def test_patches_are_a_start(scan):
    patches = []
    for position in scan.positions:
        (y, x), _ = definition.placed(position, scan.side)
        patches.append(scan.object[y : y + scan.side, x : x + scan.side])
    assert error(streamed(scan, patches=np.array(patches)), scan) < error(streamed(scan), scan)


def test_a_stream_is_reproducible_on_any_number_of_threads(scan):
    one, two = streamed(scan), streamed(scan, threads=2)
    assert one.refiner.object.tobytes() == two.refiner.object.tobytes()
    assert streamed(scan, seed=3).refiner.object.tobytes() != one.refiner.object.tobytes()


def test_a_window_holds_at_least_a_frame(scan):
    with pytest.raises(ConfigError, match="window_frames"):
        MovingWindowRefiner(scan.shape, scan.probe, window_frames=0)
