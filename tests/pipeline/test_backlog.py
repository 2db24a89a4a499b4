"""Sources: every frame once and in order, in batches as large as the pipeline is behind."""

import dataclasses
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.pipeline.backlog import Backlog
from ptychoscope.pipeline.sources import Batch, ScanSource


def batch(first: int, count: int, domain: str = "counts") -> Batch:
    values = np.arange(first, first + count, dtype=np.float32)
    return Batch(
        patterns=np.broadcast_to(values[:, None, None], (count, 4, 4)),
        positions_px=np.repeat(values[:, None], 2, 1),
        domain=domain,
        series=np.full(count, 3),
        frames=np.arange(first, first + count),
        arrived_s=np.full(count, time.monotonic()),
    )


class Steps:
    """Single frames, handed out when allowed; `allowed` are from the start."""

    def __init__(self, count: int, *, allowed: int = 0, fail: bool = False) -> None:
        self.count, self.fail = count, fail
        self.allowed = threading.Semaphore(allowed)
        self.read = 0

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.count):
            assert self.allowed.acquire(timeout=20)
            self.read += 1
            yield batch(number, 1)
        if self.fail:
            raise ScanError("the detector went away")


@pytest.mark.parametrize("size", [1, 5, 36, 100])
def test_a_scan_in_batches(rng: np.random.Generator, size: int) -> None:
    scan = make_scan(rng)
    batches = list(ScanSource(scan, batch=size))
    assert {len(each.patterns) for each in batches[:-1]} <= {size}
    np.testing.assert_array_equal(np.concatenate([each.patterns for each in batches]), scan.patterns)
    np.testing.assert_array_equal(np.concatenate([each.positions_px for each in batches]), scan.positions_px)
    np.testing.assert_array_equal(np.concatenate([each.frames for each in batches]), np.arange(36))


def test_frames_know_their_series_and_when_they_arrived(rng: np.random.Generator) -> None:
    scan = dataclasses.replace(make_scan(rng), scan_index=np.arange(36) // 10)
    before = time.monotonic()
    batches = list(ScanSource(scan, batch=7))
    np.testing.assert_array_equal(np.concatenate([each.series for each in batches]), scan.scan_index)
    arrived = np.concatenate([each.arrived_s for each in batches])
    assert ((arrived >= before) & (arrived <= time.monotonic())).all()
    assert (np.diff(arrived) >= 0).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_bad_pixels_are_unmeasured(rng: np.random.Generator, dtype: type) -> None:
    scan = make_scan(rng)
    mask = rng.random((16, 16)) < 0.2
    scan = dataclasses.replace(scan, patterns=scan.patterns.astype(dtype) + dtype(1), bad_pixels=mask)
    (only,) = ScanSource(scan, batch=100)
    assert (only.patterns[:, mask] == -1).all()
    np.testing.assert_array_equal(only.patterns[:, ~mask], scan.patterns[:, ~mask])


def test_one_by_one_when_it_keeps_up() -> None:
    steps = Steps(20)
    sizes = []
    stream = iter(Backlog(steps, most=8))
    for _ in range(20):
        steps.allowed.release()
        sizes.append(len(next(stream).patterns))
    assert sizes == [1] * 20
    assert next(stream, None) is None


def test_together_when_it_is_behind() -> None:
    steps = Steps(20, allowed=20)
    stream = iter(Backlog(steps, most=8, waiting=64))
    frames = [next(stream)]
    while steps.read < 20:
        pass
    frames += list(stream)
    for name in ("frames", "series", "arrived_s", "patterns"):
        assert sum(len(getattr(each, name)) for each in frames) == 20
    np.testing.assert_array_equal(np.concatenate([each.frames for each in frames]), np.arange(20))
    assert max(len(each.patterns) for each in frames) <= 8
    assert len(frames) <= 1 + 20 // 8 + 2


def test_what_waits_is_bounded() -> None:
    steps = Steps(100, allowed=100)
    stream = iter(Backlog(steps, most=4, waiting=10))
    got = [next(stream)]
    for _ in range(1000):
        assert steps.read <= 4 + 10 + 1
    got += list(stream)
    assert sum(len(each.patterns) for each in got) == 100


def test_an_error_comes_after_what_was_before_it() -> None:
    steps = Steps(5, allowed=5, fail=True)
    seen: list[Batch] = []
    with pytest.raises(ScanError, match="went away"):
        seen.extend(Backlog(steps, most=2))
    assert sum(len(each.patterns) for each in seen) == 5


def test_domains_are_not_mixed() -> None:
    batches = [batch(0, 3), batch(3, 2, "amplitude"), batch(5, 1, "amplitude")]
    got = list(Backlog(batches, most=100))
    assert sum(len(each.patterns) for each in got) == 6
    for each in got:
        assert each.domain == ("counts" if each.positions_px[0, 0] < 3 else "amplitude")


@pytest.mark.parametrize(("most", "waiting"), [(0, 10), (11, 10)])
def test_impossible_sizes(most: int, waiting: int) -> None:
    with pytest.raises(ConfigError, match="most"):
        Backlog([], most=most, waiting=waiting)
