"""Weights that change between torch and the file: nothing is written, in every format and precision."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")
onnx = pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("lightning", reason="the network is one of those that are trained")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ptychoscope.export import bundle_in_lower_precision, write_bundle  # noqa: E402
from ptychoscope.export.network_to_bundle import torch_patches  # noqa: E402
from ptychoscope.export.torch_to_onnx import onnx_graph, pass_graph  # noqa: E402
from ptychoscope.export.write_torchscript import write_torchscript  # noqa: E402

from optics import make_scan  # noqa: E402
from ptychoscope.errors import ExportError  # noqa: E402
from ptychoscope.preprocess.complex_planes import to_planes  # noqa: E402
from ptychoscope.train.networks.unrolled import Pass, UNet, Unrolled  # noqa: E402

WRITING = import_module(
    "ptychoscope.export.network_to_bundle"
)  # these functions have the names of their modules
TORCHSCRIPT = import_module("ptychoscope.export.write_torchscript")
SIDE = 16
LIMIT = 0.5
"""Of the residual: only frame 5 has more, none of the golden frames."""
SCAN = make_scan(np.random.default_rng(4))
COUNTS = SCAN.counts(slice(0, 8))


@pytest.fixture(scope="module")
def network() -> Unrolled:
    """One pass, in torch, with weights that do something."""
    torch.manual_seed(3)
    made = Unrolled([Pass(UNet(4, 2, 4, levels=2), "real_imag")], SIDE).eval()
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return made


@pytest.fixture(scope="module")
def graphs(network: Unrolled) -> dict[str, onnx.ModelProto]:
    """The same network in ONNX."""
    whole = onnx_graph(network, to_planes(SCAN.probe), "float32")
    return {"whole": whole, "pass": pass_graph(network.passes[0], SIDE)}


def spoiled_graph(model: onnx.ModelProto, by: float) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16)
    named = [t for t in changed.graph.initializer if "head.weight" in t.name and t.data_type in kinds]
    (tensor,) = named  # the weights, or what 8 bits of them are multiplied by
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + by, tensor.name))
    return changed


def spoiled_network(network: Unrolled, by: float) -> Unrolled:
    changed = copy.deepcopy(network)
    changed.passes[0].unet.head.weight.data += by
    return changed


def spoiling(
    monkeypatch: pytest.MonkeyPatch, form: str, precision: str, part: str, spoiled: Callable
) -> None:
    """Put `spoiled` between what makes that part of the file and what writes it."""
    if form == "torchscript":
        traced = TORCHSCRIPT._traced
        monkeypatch.setattr(TORCHSCRIPT, "_traced", lambda network, *rest: traced(spoiled(network), *rest))
    elif precision == "fp32":
        name = {"whole": "onnx_graph", "pass": "pass_graph"}[part]
        graph = getattr(WRITING, name)()
        monkeypatch.setattr(WRITING, name, lambda *_: spoiled(graph))
    else:
        name = {"fp16": "halved", "int8": "quantised"}[precision]
        make, parts = getattr(bundle_in_lower_precision, name), iter(("whole", "pass"))
        monkeypatch.setattr(
            bundle_in_lower_precision,
            name,
            lambda *given: spoiled(make(*given)) if next(parts) == part else make(*given),
        )


@pytest.fixture
def exported(
    network: Unrolled,
    graphs: dict[str, onnx.ModelProto],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[[str, str], Path]:
    """Write a bundle; the graphs in float32 are those that were made before."""
    monkeypatch.setattr(WRITING, "onnx_graph", lambda *_: graphs["whole"])
    monkeypatch.setattr(WRITING, "pass_graph", lambda *_: graphs["pass"])

    def write(form: str, precision: str) -> Path:
        out, passes = tmp_path / "bundle", tuple(network.passes)
        if form == "torchscript":
            expected = torch_patches(network, COUNTS, to_planes(SCAN.probe))
            return write_torchscript(network, SCAN.probe, COUNTS, expected, out)
        return write_bundle(network, SCAN.probe, COUNTS, out, passes=passes, precision=precision)

    return write


PARTS = [("onnx", precision, part) for precision in ("fp32", "fp16", "int8") for part in ("whole", "pass")]
PARTS += [("torchscript", "fp32", "whole")]
MOVED = {"fp32": 1e-4, "fp16": 3.0, "int8": 3.0}
"""In float32 less than the golden frames allow for the rounding of other machines."""
REFUSED = "differs from torch by|changes the patches|do not compute what its graph does|no longer computes"


@pytest.mark.parametrize("how", ["not at all", "moved", "no number"])
@pytest.mark.parametrize(("form", "precision", "part"), PARTS)
def test_spoiled_weights_are_refused(
    exported: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: str,
    precision: str,
    part: str,
    how: str,
) -> None:
    by = {"not at all": 0.0, "moved": MOVED[precision], "no number": float("nan")}[how]
    spoiled = spoiled_network if form == "torchscript" else spoiled_graph
    spoiling(monkeypatch, form, precision, part, lambda made: spoiled(made, by))
    if by == 0:
        assert (exported(form, precision) / "model.json").is_file()
        return
    with pytest.raises(ExportError, match="differs from torch by" if by == 1e-4 else REFUSED):
        exported(form, precision)
    assert list(tmp_path.iterdir()) == []


def failing_above_the_limit(model: onnx.ModelProto) -> onnx.ModelProto:
    """object + 0 log(LIMIT - residual): no number where the residual is larger, and the same elsewhere."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    for node in graph.node:
        node.output[:] = ["sound" if name == "object" else name for name in node.output]
    graph.initializer.extend(
        numpy_helper.from_array(np.float32(value), name) for name, value in {"most": LIMIT, "no": 0}.items()
    )
    graph.node.extend(
        helper.make_node(kind, given, [made])
        for kind, given, made in [
            ("Sub", ["most", "residual"], "left"),
            ("Log", ["left"], "log"),
            ("Mul", ["log", "no"], "nothing"),
            ("Add", ["sound", "nothing"], "object"),
        ]
    )
    return changed


def test_a_pass_that_fails_on_one_frame_alone_is_refused(
    exported: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The frame is none of those in the golden file, and the whole graph is right."""
    spoiling(monkeypatch, "onnx", "fp16", "pass", failing_above_the_limit)
    with pytest.raises(ExportError, match=r"changes the patches by nan"):
        exported("onnx", "fp16")
    assert list(tmp_path.iterdir()) == []
