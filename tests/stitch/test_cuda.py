"""The canvas on a device: the reference's values, the CPU's bits, plain words without a device."""

import numpy as np
import pytest

from ptychoscope import Canvas, CudaCanvas, _core
from ptychoscope._device_arrays import patch_memory
from ptychoscope.errors import ConfigError, DeviceError, ScanError
from stitch.scene import Scene, make_scene, planes
from stitch.test_reference import INTERPOLATIONS, SCENES, tolerance

WHY_NOT = "no CUDA device" if _core.cuda_architectures() else "built without CUDA kernels"
on_device = [pytest.mark.cuda, pytest.mark.skipif(_core.cuda_devices() == 0, reason=WHY_NOT)]
LARGE = make_scene(0, n=300, patch_shape=(64, 64), shape=(200, 260), beyond_px=20.0)


def on_cuda(scene: Scene, interpolation="cubic", **options) -> CudaCanvas:
    canvas = CudaCanvas(scene.shape, scene.window, interpolation, **options)
    canvas.add(scene.patches, scene.positions, warn=False)
    return canvas


class TestOnADevice:
    pytestmark = on_device

    @pytest.mark.parametrize("interpolation", INTERPOLATIONS)
    @pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
    def test_canvas_is_the_reference(self, scene: Scene, interpolation: str) -> None:
        canvas, expected = on_cuda(scene, interpolation), scene.reference(interpolation)
        near = tolerance("float32", interpolation)
        weights, numerator = expected.denominator.numpy(), expected.numerator.numpy()
        top = max(weights.max(), 1e-30)
        assert np.abs(canvas.coverage() - weights).max() <= near * top
        error = np.abs(canvas.image() * canvas.coverage() - numerator).max()
        assert error <= near * max(np.abs(numerator).max(), 1e-30)
        trusted = weights > 1e-3 * top
        np.testing.assert_allclose(
            canvas.spread()[trusted], expected.spread.numpy()[trusted], rtol=1e-5, atol=2e-5
        )

    @pytest.mark.parametrize("interpolation", INTERPOLATIONS)
    def test_the_bits_are_those_of_the_cpu_and_of_any_batches(self, interpolation: str) -> None:
        expected = planes(on_cuda(LARGE, interpolation))
        assert planes(on_cuda(LARGE, interpolation)) == expected
        for batch in (1, 7, 64):
            canvas = CudaCanvas(LARGE.shape, LARGE.window, interpolation)
            for start in range(0, len(LARGE.patches), batch):
                part = slice(start, start + batch)
                canvas.add(LARGE.patches[part], LARGE.positions[part])
            assert planes(canvas) == expected
        if _core.active_isa() != "sse41":  # which has no fused multiply-add
            assert planes(LARGE.canvas(interpolation)) == expected

    def test_patches_that_are_there_are_read_in_place(self) -> None:
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("this torch has no CUDA")
        scene = make_scene(1)
        parts = np.stack([scene.patches.real, scene.patches.imag], axis=1)
        expected = planes(on_cuda(scene))
        for patches, values in ((scene.patches, "complex"), (parts, "real_imag")):
            canvas = CudaCanvas(scene.shape, scene.window)
            canvas.add(torch.tensor(patches, device="cuda"), scene.positions, values=values)
            assert planes(canvas) == expected

    def test_the_dirty_box_is_that_of_the_cpu(self) -> None:
        scene = make_scene(2, n=3, shape=(300, 200))
        canvas, cpu = on_cuda(scene), scene.canvas()
        region = canvas.take_dirty()
        assert region == cpu.take_dirty()
        np.testing.assert_array_equal(canvas.coverage(region), cpu.coverage(region))
        assert canvas.take_dirty() is None
        canvas.reset()
        assert canvas.take_dirty() == (0, 300, 0, 200)
        assert not canvas.image().any()

    def test_what_is_not_finite_is_left_out_and_said(self) -> None:
        scene = make_scene(3, n=5)
        expected = Canvas(scene.shape, scene.window)
        scene.patches[1, 2, 3], scene.positions[4, 0] = np.nan, np.inf
        report = expected.add(scene.patches, scene.positions, warn=False)
        canvas = CudaCanvas(scene.shape, scene.window)
        with pytest.warns(RuntimeWarning, match="2 of 5 patches are left out"):
            assert canvas.add(scene.patches, scene.positions) == report == ((4,), (1,), 0)
        np.testing.assert_array_equal(canvas.coverage(), expected.coverage())

    def test_bad_arguments(self) -> None:
        with pytest.raises(DeviceError, match="no CUDA device 99"):
            CudaCanvas((4, 4), device=99)
        canvas = CudaCanvas((20, 20), window=np.ones((8, 8)), spread=False)
        with pytest.raises(ScanError, match="7 x 8 pixels on a canvas whose window has 8 x 8"):
            canvas.add(np.ones((3, 7, 8), np.complex64), np.zeros((3, 2)))
        with pytest.raises(ConfigError, match="without the spread"):
            canvas.spread()
        with pytest.raises(ConfigError, match="leaves the canvas"):
            canvas.image((0, 21, 0, 5))


@pytest.mark.skipif(_core.cuda_devices() > 0, reason="there is a CUDA device")
def test_without_a_device_the_error_says_so() -> None:
    why = "looking for a CUDA device" if _core.cuda_architectures() else "this build has no CUDA kernels"
    with pytest.raises(DeviceError, match=f"CudaCanvas: {why}.*; Canvas works without a device"):
        CudaCanvas((8, 8))


@pytest.mark.parametrize(
    "arguments",
    [{"shape": (0, 5)}, {"shape": (5, 5, 5)}, {"interpolation": "linear"}, {"window": np.ones(8)}],
)
def test_bad_arguments_need_no_device(arguments) -> None:
    if not _core.cuda_architectures() and arguments == {"shape": (0, 5)}:
        pytest.skip("sizes are checked by the kernels")
    with pytest.raises(ConfigError):
        CudaCanvas(**{"shape": (8, 8)} | arguments)


class DeviceArray:
    """An array that says where it lies as arrays on a device do."""

    def __init__(self, array: np.ndarray, strides: bool) -> None:
        self.array = array
        self.__cuda_array_interface__ = dict(array.__array_interface__, version=3)
        self.__cuda_array_interface__["strides"] = array.strides if strides else None


@pytest.mark.parametrize("strides", [True, False])
def test_memory_of_device_arrays(strides: bool) -> None:
    patches = np.zeros((5, 2, 3, 7), np.float32)
    memory = patch_memory(DeviceArray(patches, strides), "real_imag")
    assert (memory.first, memory.second) == (patches.ctypes.data, patches[:, 1].ctypes.data)
    assert memory.shape == (5, 3, 7)
    assert memory.strides == patches[:, 0].strides
    numbers = np.zeros((5, 3, 7), np.complex64)
    memory = patch_memory(DeviceArray(numbers, strides), "complex")
    assert (memory.first, memory.second) == (numbers.real.ctypes.data, numbers.imag.ctypes.data)
    assert memory.strides == numbers.real.strides


def test_memory_of_a_value_of_onnxruntime() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    value = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((5, 2, 3, 7), np.float32))
    memory = patch_memory(value, "real_imag")
    assert (memory.first, memory.second - memory.first) == (value.data_ptr(), 84)
    assert (memory.shape, memory.strides) == ((5, 3, 7), (168, 28, 4))


@pytest.mark.parametrize(
    ("patches", "values"),
    [
        (np.zeros((5, 3, 7)), "complex"),
        (np.zeros((5, 3, 7, 2), np.float32), "real_imag"),
        (DeviceArray(np.zeros((5, 2, 3, 7), np.float16), strides=True), "real_imag"),
        (DeviceArray(np.zeros((3, 7), np.complex64), strides=False), "complex"),
    ],
)
def test_patches_of_another_kind(patches, values) -> None:
    with pytest.raises(ScanError, match=r"must be \(n,"):
        patch_memory(patches, values)
