"""Byte order, sizes that no machine has, and forks: said in words, never a wrong image, a crash or a hang."""

import gc
import os
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from ptychoscope import Canvas, _core
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.stitch.cuda_canvas import CudaCanvas
from ptychoscope.stitch.phase_sync import solve_phases

OTHER = ">" if sys.byteorder == "little" else "<"
CENTRES = np.array([[10.0, 10.0], [12.5, 11.0], [9.0, 14.25]])


@pytest.fixture
def patches(rng):
    return (rng.normal(size=(3, 8, 8)) + 1j * rng.normal(size=(3, 8, 8))).astype(np.complex64)


@pytest.fixture
def planes(patches):
    return np.stack([patches.real, patches.imag], axis=1)


class TestByteOrder:
    @pytest.mark.parametrize("dtype", ["f4", "f2"])
    def test_the_library_refuses_the_other(self, planes, dtype):
        first, second = (np.ascontiguousarray(planes[:, k].astype(OTHER + dtype)) for k in (0, 1))
        options = {"interpolation": "bilinear", "accumulate": "float32", "threads": 1, "spread": True}
        canvas = _core.Canvas(
            **options, height=20, width=20, window=None, coverage=True, bound=64, grow=False, max_pixels=999
        )
        for planes_ in ((first, second), (first.astype(dtype), second), (first, second.astype(dtype))):
            for call in (
                lambda p: canvas.add(*p, "real_imag", CENTRES, False, None),
                lambda p: canvas.correlate(*p, "real_imag", CENTRES),
                lambda p: _core.solve_phases(*p, "real_imag", CENTRES, None, 1),
            ):
                with pytest.raises(ValueError, match="byte order"):
                    call(planes_)
        assert not canvas.coverage((0, 20, 0, 20)).any()
        with pytest.raises(ScanError, match=r"byte order.*astype"):
            solve_phases(first, second, "real_imag", CENTRES)

    @pytest.mark.parametrize("make", [Canvas, lambda shape: CudaCanvas(shape, device="host")])
    def test_complex_patches_are_converted(self, patches, make):
        images = []
        for dtype in ("=c8", OTHER + "c8", OTHER + "c16"):
            canvas = make((20, 20))
            canvas.add(patches.astype(dtype), CENTRES.astype(OTHER + "f8"))
            images.append(canvas.image())
        assert np.abs(images[0]).max() > 0
        assert np.array_equal(images[0], images[1])
        assert np.array_equal(images[0], images[2])

    def test_planes_on_a_device_canvas_are_converted(self, planes):
        images = []
        for dtype in ("=f4", OTHER + "f4"):
            canvas = CudaCanvas((20, 20), device="host")
            canvas.add(planes.astype(dtype), CENTRES, values="real_imag")
            images.append(canvas.image())
        assert np.array_equal(*images)

    def test_planes_on_a_canvas_are_named(self, planes):
        with pytest.raises(
            ScanError, match="must be .* float32 or float16, got .*>f4" if OTHER == ">" else "f4"
        ):
            Canvas((20, 20)).add(planes.astype(OTHER + "f4"), CENTRES, values="real_imag")


class TestNoMachineHasIt:
    @pytest.mark.parametrize("make", [Canvas, lambda *a, **k: CudaCanvas(*a, device="host", **k)])
    def test_a_canvas(self, make):
        with pytest.raises(ConfigError, match=r"no memory for 1048576 x 1048576 pixels$"):
            make((2**20, 2**20), max_pixels=2**62)

    @pytest.mark.parametrize("make", [Canvas, lambda *a, **k: CudaCanvas(*a, device="host", **k)])
    def test_growing(self, patches, make):
        canvas = make((20, 20), grow=True, max_pixels=2**62)
        canvas.add(patches, CENTRES)
        before = canvas.image()
        with pytest.raises(ScanError, match=r"add: patch 0 would grow .* memory of this machine$"):
            canvas.add(patches, CENTRES + 2**20 - 100)
        assert np.array_equal(canvas.image((0, 20, 0, 20)), before)

    def test_neighbours(self, patches):
        """More than there are patches are all of them."""
        planes = patches.real, patches.imag
        most = solve_phases(*planes, "real_imag", CENTRES, per_side=2**62)
        assert np.array_equal(most, solve_phases(*planes, "real_imag", CENTRES, per_side=3))


def in_a_fork(check) -> str:
    """What `check()` returns in a forked child that is given 20 s."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: that is the point
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            said = check()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    assert os.waitstatus_to_exitcode(status) == 0, "the child hung"
    return said


class TestFork:
    """A canvas belongs to the process that made it."""

    @pytest.mark.parametrize("threads", [1, 2])
    def test_every_use_in_the_child_is_refused(self, patches, threads):
        canvas = Canvas((400, 400), threads=threads)
        many = np.tile(patches, (200, 1, 1))
        places = np.random.default_rng(0).uniform(20, 380, (len(many), 2))
        stop = threading.Event()

        def add() -> None:
            while not stop.is_set():
                canvas.add(many, places)

        other = threading.Thread(target=add)
        other.start()
        time.sleep(0.02)
        uses = {
            "add": lambda: canvas.add(patches, CENTRES),
            "image": canvas.image,
            "extent": lambda: canvas.extent,
            "take_dirty": canvas.take_dirty,
            "merge": lambda: canvas.merge(Canvas((400, 400))),
            "merge into": lambda: Canvas((400, 400)).merge(canvas),
            "reset": canvas.reset,
        }
        try:
            for name, use in uses.items():
                said = in_a_fork(use)
                assert "ConfigError" in said, name
                assert f"made before a fork, by process {os.getpid()}" in said
                assert "make a new one here" in said
        finally:
            stop.set()
            other.join()
        canvas.add(patches, CENTRES)

    @pytest.mark.parametrize("threads", [1, 2])
    def test_a_child_makes_its_own_and_forgets_the_other(self, patches, threads):
        kept = [Canvas((40, 40), threads=threads)]
        kept[0].add(patches, CENTRES)
        expected = kept[0].image()

        def check() -> str:
            kept.clear()
            gc.collect()
            new = Canvas((40, 40), threads=threads)
            new.add(patches, CENTRES)
            return str(np.array_equal(new.image(), expected))

        assert in_a_fork(check) == "True"
