"""Patches that stay on the device: onnxruntime's output is what the canvas there reads.

Without a CUDA device the same path runs on the host: the output is bound to memory by onnxruntime, and the
kernels of the device canvas read it at its address.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from optics import between_pixels, make_scan
from ptychoscope import Canvas, CudaCanvas, _core
from ptychoscope.errors import ConfigError
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_config import StitchSpec
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.inference.runner_patches_on_device import CudaRunner, check_device_stitching
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.pipeline.loop import run
from ptychoscope.pipeline.patch_sinks import CanvasSink
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.scan import Scan

SIDE = 16
WHY_NOT = "no CUDA device" if _core.cuda_architectures() else "built without CUDA kernels"
on_cuda = pytest.mark.skipif(_core.cuda_devices() == 0, reason=WHY_NOT)


@pytest.fixture(scope="module")
def model(tiny_model: Model) -> Model:
    return tiny_model


@pytest.fixture(scope="module")
def scan() -> Scan:
    return between_pixels(make_scan(np.random.default_rng(8), side=SIDE))


def stitched(
    scan: Scan, slot: ModelSlot, canvas: Canvas | CudaCanvas, batch: int, workers: int
) -> np.ndarray:
    sink = CanvasSink(canvas, canvas_extent(scan.positions_px, (SIDE, SIDE)))
    run(ScanSource(scan, batch=batch), slot, [sink], workers=workers)
    return canvas.image()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_what_stays_there_is_what_comes_back(model: Model, scan: Scan, batch: int, workers: int) -> None:
    shape = canvas_extent(scan.positions_px, (SIDE, SIDE)).shape
    here = stitched(scan, ModelSlot(model), Canvas(shape), batch, workers)
    there = stitched(
        scan, ModelSlot(model, stitch_on="device"), CudaCanvas(shape, device="host"), batch, workers
    )
    assert np.abs(here).max() > 0
    if _core.active_isa() == "sse41":  # rounds products and sums apart
        np.testing.assert_allclose(there, here, atol=1e-6)
    else:
        np.testing.assert_array_equal(there, here)


def test_the_output_is_not_copied(model: Model, scan: Scan) -> None:
    runner = model.cuda_runner()
    positioned = runner.positioned(scan.patterns[:5], "counts", scan.positions_px[:5])
    there = positioned.patches
    assert there.device_name() == "cpu"
    assert there.data_ptr() == there.numpy().ctypes.data
    np.testing.assert_array_equal(
        there.numpy(),
        model.runner(kind="graph").positioned(scan.patterns[:5], "counts", scan.positions_px[:5]).patches,
    )


def test_a_network_that_must_be_rearranged_is_refused(forge: Callable[..., Path]) -> None:
    model = load_model(Path(__file__).resolve().parents[1] / "data" / "tiny_bundle", threads=1)
    graph = model.runner(kind="graph")
    graph.dense = False  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="stitch those of this network on the host"):
        CudaRunner(graph)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "merge", "align", "crop_px", "message"),
    [
        ("cpu", "none", None, 0, 'this one runs on cpu: load it with device="cuda"'),
        ("cuda:0", "scan", None, 0, "merged on the host"),
        ("cuda:0", "none", "global", 0, "aligned on the host"),
        ("tensorrt:1", "none", "none", 3, "inner crop, and this model's is 3 px"),
    ],
)
def test_what_needs_the_host_is_refused(
    model: Model, device: str, merge: str, align: str | None, crop_px: int, message: str
) -> None:
    import msgspec

    config = msgspec.structs.replace(model.config, stitch=StitchSpec(inner_crop_px=crop_px))
    check_device_stitching(model.config, "cuda:0", "none", None)
    with pytest.raises(ConfigError, match=message):
        check_device_stitching(config, device, merge, align)


def test_a_cpu_model_is_not_stitched_on_a_device(model: Model, scan: Scan) -> None:
    with pytest.raises(ConfigError, match='load it with device="cuda"'):
        reconstruct(scan, model, stitch="device")
    with pytest.raises(ConfigError, match="--stitch must be"):
        reconstruct(scan, model, stitch="gpu")  # type: ignore[arg-type]


@pytest.mark.cuda
@on_cuda
def test_on_a_device(scan: Scan) -> None:
    model = load_model(Path(__file__).resolve().parents[1] / "data" / "tiny_bundle", device="cuda")
    here, there = (reconstruct(scan, model, align="none", stitch=where) for where in ("host", "device"))
    np.testing.assert_allclose(there.object, here.object, atol=2e-6)
    assert there.provenance["stitch"] == "device"
