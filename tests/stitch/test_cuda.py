"""The canvas on a device: the reference's values and the CPU's bits.

The kernels run thread by thread on the host, in an order drawn at random, wherever the tests run; and on a
CUDA device where there is one.
"""

import numpy as np
import pytest

from ptychoscope import Canvas, CudaCanvas, _core
from ptychoscope.errors import ConfigError, DeviceError, ScanError
from stitch.scene import Scene, make_scene, planes
from stitch.test_reference import ACCUMULATES, INTERPOLATIONS, SCENES, check_against_reference

WHY_NOT = "no CUDA device" if _core.cuda_architectures() else "built without CUDA kernels"
ON_CUDA = [pytest.mark.cuda, pytest.mark.skipif(_core.cuda_devices() == 0, reason=WHY_NOT)]
DEVICES = ["host", pytest.param(0, marks=ON_CUDA, id="cuda")]
FUSED = _core.active_isa() != "sse41"  # which rounds products and sums apart

devices = pytest.mark.parametrize("device", DEVICES)


def on_device(scene: Scene, device, interpolation="cubic", accumulate="float32", **options) -> CudaCanvas:
    canvas = CudaCanvas(scene.shape, scene.window, interpolation, accumulate, device=device, **options)
    canvas.add(scene.patches, scene.positions, warn=False)
    return canvas


@devices
@pytest.mark.parametrize("accumulate", ACCUMULATES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_canvas_is_the_reference(scene: Scene, interpolation: str, accumulate: str, device) -> None:
    canvas = on_device(scene, device, interpolation, accumulate)
    check_against_reference(canvas, scene, interpolation, accumulate)


@devices
@pytest.mark.parametrize("accumulate", ACCUMULATES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_bits_are_those_of_the_cpu_and_of_any_batches(
    interpolation: str, accumulate: str, device
) -> None:
    scene = make_scene(0, n=60, patch_shape=(32, 24), shape=(90, 110), beyond_px=20.0)
    expected = planes(on_device(scene, device, interpolation, accumulate))
    assert planes(on_device(scene, device, interpolation, accumulate)) == expected
    for batch in (1, 7, 59):
        canvas = CudaCanvas(scene.shape, scene.window, interpolation, accumulate, device=device)
        for start in range(0, len(scene.patches), batch):
            part = slice(start, start + batch)
            canvas.add(scene.patches[part], scene.positions[part])
        assert planes(canvas) == expected
    if FUSED and (device == "host" or interpolation != "lanczos3"):  # a device has a sine of its own
        assert planes(scene.canvas(interpolation, accumulate)) == expected


@devices
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("values", ["real_imag", "amplitude_phase"])
def test_planes_of_any_kind(values: str, dtype: type, device) -> None:
    scene = make_scene(4)
    parts = np.stack([scene.patches.real, scene.patches.imag], axis=1)
    if values == "amplitude_phase":
        parts = np.stack([np.abs(scene.patches), 40 * np.angle(scene.patches)], axis=1)
    parts = parts.astype(dtype)
    cpu = Canvas(scene.shape, scene.window)
    canvas = CudaCanvas(scene.shape, scene.window, device=device)
    for any_canvas in (cpu, canvas):
        any_canvas.add(parts, scene.positions, values=values)
    if FUSED:
        assert planes(canvas) == planes(cpu)
    np.testing.assert_allclose(canvas.image(), cpu.image(), rtol=0, atol=1e-4)


@devices
@pytest.mark.parametrize("accumulate", ACCUMULATES)
def test_atomics(accumulate: str, device) -> None:
    scene = make_scene(5)
    gathered = on_device(scene, device, accumulate=accumulate, spread=accumulate == "exact")
    added = on_device(scene, device, accumulate=accumulate, spread=accumulate == "exact", atomics=True)
    if accumulate == "exact":
        assert planes(added) == planes(gathered)
    np.testing.assert_allclose(added.coverage(), gathered.coverage(), rtol=1e-5)
    weighted = [canvas.image() * canvas.coverage() for canvas in (added, gathered)]
    np.testing.assert_allclose(*weighted, rtol=0, atol=1e-5)


@devices
def test_exact_sums_have_no_order_and_merge_without_a_trace(device) -> None:
    scene = make_scene(6)
    expected = planes(on_device(scene, device, accumulate="exact"))
    order = np.random.default_rng(6).permutation(len(scene.patches))
    parts = []
    for part in np.array_split(order, 3):
        parts.append(CudaCanvas(scene.shape, scene.window, accumulate="exact", device=device))
        parts[-1].add(scene.patches[part], scene.positions[part])
    parts[1].merge(parts[2])
    parts[1].merge(parts[0])
    assert planes(parts[1]) == expected


@devices
@pytest.mark.parametrize("accumulate", ACCUMULATES)
def test_a_canvas_that_grew_has_the_bits_of_a_large_one(accumulate: str, device) -> None:
    scene = make_scene(7, beyond_px=30.0)
    grown = CudaCanvas((4, 4), scene.window, accumulate=accumulate, grow=True, device=device)
    cpu = Canvas((4, 4), scene.window, accumulate=accumulate, grow=True)
    for start in range(0, len(scene.patches), 9):
        part = slice(start, start + 9)
        for canvas in (grown, cpu):
            canvas.add(scene.patches[part], scene.positions[part])
    assert grown.extent == cpu.extent
    if FUSED:
        assert planes(grown) == planes(cpu)
    row0, row1, column0, column1 = grown.extent
    large = CudaCanvas((row1 - row0, column1 - column0), scene.window, accumulate=accumulate, device=device)
    large.add(scene.patches, scene.positions - (row0, column0))
    assert planes(large) == planes(grown)


@devices
def test_the_dirty_box_is_that_of_the_cpu(device) -> None:
    scene = make_scene(2, n=3, shape=(300, 200))
    canvas, cpu = on_device(scene, device), scene.canvas()
    region = canvas.take_dirty()
    assert region == cpu.take_dirty()
    np.testing.assert_array_equal(canvas.coverage(region), cpu.coverage(region))
    assert canvas.take_dirty() is None
    canvas.reset()
    assert canvas.take_dirty() == (0, 300, 0, 200)
    assert not canvas.image().any()


@devices
def test_what_is_not_finite_is_left_out_and_said(device) -> None:
    scene = make_scene(3, n=5)
    expected = Canvas(scene.shape, scene.window)
    scene.patches[1, 2, 3], scene.positions[4, 0] = np.nan, np.inf
    report = expected.add(scene.patches, scene.positions, warn=False)
    canvas = CudaCanvas(scene.shape, scene.window, device=device)
    with pytest.warns(RuntimeWarning, match="2 of 5 patches are left out") as caught:
        assert canvas.add(scene.patches, scene.positions) == report == ((4,), (1,), 0)
    assert caught[0].filename == __file__
    assert canvas.left_out == 2
    np.testing.assert_array_equal(canvas.coverage(), expected.coverage())


@devices
def test_bad_arguments(device) -> None:
    canvas = CudaCanvas((20, 20), window=np.ones((8, 8)), spread=False, device=device)
    with pytest.raises(ScanError, match="7 x 8 pixels on a canvas whose window has 8 x 8"):
        canvas.add(np.ones((3, 7, 8), np.complex64), np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="without the spread"):
        canvas.spread()
    with pytest.raises(ConfigError, match="leaves the canvas"):
        canvas.image((0, 21, 0, 5))
    with pytest.raises(ConfigError, match="different accumulate"):
        canvas.merge(CudaCanvas((20, 20), accumulate="exact", device=device))
    with pytest.raises(ConfigError, match="the spread of float sums"):
        CudaCanvas((20, 20), atomics=True, device=device)
    exact = CudaCanvas((20, 20), accumulate="exact", bound=2, device=device)
    with pytest.raises(ScanError, match="patch 1 has a value of 3"):
        exact.add(np.array([1, 3, 1], np.complex64)[:, None, None] * np.ones((8, 8)), np.full((3, 2), 10))
    assert exact.coverage().max() == 1


@pytest.mark.parametrize("values", ["complex", "real_imag"])
@pytest.mark.cuda
@pytest.mark.skipif(_core.cuda_devices() == 0, reason=WHY_NOT)
def test_patches_of_torch_are_read_where_they_lie(values: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    scene = make_scene(1)
    parts = np.stack([scene.patches.real, scene.patches.imag], axis=1)
    canvas = CudaCanvas(scene.shape, scene.window)
    patches = torch.tensor(scene.patches if values == "complex" else parts, device="cuda")
    canvas.add(patches, scene.positions, values=values)
    assert planes(canvas) == planes(on_device(scene, 0))


@pytest.mark.skipif(_core.cuda_devices() > 0, reason="there is a CUDA device")
def test_without_a_device_the_error_says_so() -> None:
    why = "looking for a CUDA device" if _core.cuda_architectures() else "this build has no CUDA kernels"
    with pytest.raises(DeviceError, match=f"CudaCanvas: .*{why}.*; Canvas works without a device"):
        CudaCanvas((8, 8))


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": (0, 5)},
        {"shape": (5, 5, 5)},
        {"interpolation": "linear"},
        {"accumulate": "double"},
        {"window": np.ones(8)},
        {"device": -1},
        {"device": "cuda"},
    ],
)
def test_bad_arguments_need_no_device(arguments) -> None:
    with pytest.raises(ConfigError):
        CudaCanvas(**{"shape": (8, 8)} | arguments)
