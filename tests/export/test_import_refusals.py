"""Networks that adopt must not guess about, and files that are none: refused with the cure, or understood."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="adopt needs onnx")
pytest.importorskip("torch", reason="ptychoscope.export needs torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ptychoscope.export.import_onnx import adopt  # noqa: E402
from ptychoscope.export.inspect_graph import GraphDescription  # noqa: E402

from mutations import spoil, spoil_graph  # noqa: E402
from optics import make_scan  # noqa: E402
from ptychoscope import cli  # noqa: E402
from ptychoscope.errors import BundleError, ExportError  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402
from ptychoscope.io import save_scan  # noqa: E402
from ptychoscope.scan import Scan  # noqa: E402

SIDE = 16
COUNTS = GraphDescription(domain="counts")
SEED = 20261130


@pytest.fixture(scope="module")
def scan() -> Scan:
    return make_scan(np.random.default_rng(4), side=SIDE)


def heads(
    path: Path,
    *,
    names: tuple[str, ...] = ("amplitude", "phase"),
    group: int = 1,
    nhwc: bool = False,
    batch: int | str = "n",
) -> Path:
    """A head for every name: amplitude by sigmoid, everything else by tanh times pi."""
    nodes, tensors = [], [numpy_helper.from_array(np.array(np.pi, np.float32), "pi")]
    if nhwc:
        nodes.append(helper.make_node("Transpose", ["x"], ["x0"], perm=[0, 3, 1, 2]))
    for seed, name in enumerate(names):
        values = np.random.default_rng(seed).normal(size=(group, group, 3, 3)) * 0.02
        tensors.append(numpy_helper.from_array(values.astype(np.float32), f"w{name}"))
        nodes.append(
            helper.make_node("Conv", ["x0" if nhwc else "x", f"w{name}"], [f"a{name}"], pads=[1] * 4)
        )
        end = [f"t{name}"] if nhwc else [name]
        if name == "amplitude":
            nodes.append(helper.make_node("Sigmoid", [f"a{name}"], end))
        else:
            nodes.append(helper.make_node("Tanh", [f"a{name}"], [f"b{name}"]))
            nodes.append(helper.make_node("Mul", [f"b{name}", "pi"], end))
        if nhwc:
            nodes.append(helper.make_node("Transpose", end, [name], perm=[0, 2, 3, 1]))
    shape = [batch, SIDE, SIDE, group] if nhwc else [batch, group, SIDE, SIDE]
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", *names)}
    graph = helper.make_graph(nodes, "heads", [values["x"]], [values[name] for name in names], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def patches(path: Path, scan: Scan, *, group: int = 1, nhwc: bool = False) -> dict[str, np.ndarray]:
    """What every head itself makes of the first eight frames, (8, P, P)."""
    session = open_session(path.read_bytes(), threads=1)
    planes = scan.counts(slice(0, 8)).astype(np.float32).reshape(-1, group, SIDE, SIDE)
    feeds = {"x": np.ascontiguousarray(np.moveaxis(planes, 1, -1)) if nhwc else planes}
    made = {name: session.run(name, feeds) for name in session.outputs}
    return {
        name: (np.moveaxis(value, -1, 1) if nhwc else value).reshape(-1, SIDE, SIDE)
        for name, value in made.items()
    }


def adopted(bundle: Path, scan: Scan) -> np.ndarray:
    return load_model(bundle, threads=1).predict(scan.counts(slice(0, 8)), domain="counts")


@pytest.mark.parametrize("names", [("amplitude", "phase"), ("phase", "amplitude"), ("object", "amplitude")])
@pytest.mark.parametrize(
    "kind", [{}, {"nhwc": True}, {"group": 4}, {"batch": 8}], ids=["nchw", "nhwc", "groups", "fixed"]
)
def test_two_heads_are_one_object(scan: Scan, tmp_path: Path, names: tuple[str, ...], kind: dict) -> None:
    path = heads(tmp_path / "net.onnx", names=names, **kind)
    config = adopt(path, tmp_path / "bundle", scan.counts(), COUNTS)
    assert config.object.meaning == "amplitude_phase"
    made = patches(path, scan, **{key: value for key, value in kind.items() if key != "batch"})
    (phase,) = (name for name in names if name != "amplitude")
    expected = made["amplitude"] * np.exp(1j * made[phase])
    np.testing.assert_allclose(adopted(tmp_path / "bundle", scan), expected, atol=1e-5)


def test_the_head_that_is_named_is_taken(scan: Scan, tmp_path: Path) -> None:
    path = heads(tmp_path / "net.onnx", names=("amplitude", "phase", "doubt"))
    with pytest.raises(
        ExportError, match=r"amplitude \(nx1x16x16\), phase .*, doubt .*--outputs amplitude,phase"
    ):
        adopt(path, tmp_path / "b", scan.counts(), COUNTS)
    made = patches(path, scan)
    adopt(path, tmp_path / "one", scan.counts(), GraphDescription(domain="counts", outputs=("phase",)))
    np.testing.assert_allclose(adopted(tmp_path / "one", scan), np.exp(1j * made["phase"]), atol=1e-5)
    adopt(
        path,
        tmp_path / "two",
        scan.counts(),
        GraphDescription(domain="counts", outputs=("phase", "amplitude")),
    )
    expected = made["amplitude"] * np.exp(1j * made["phase"])
    np.testing.assert_allclose(adopted(tmp_path / "two", scan), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"meaning": "real_imag", "order": (1,)}, "real_imag takes 2"),
        ({"meaning": "phase", "order": (2,)}, "phase takes 1"),
        ({"meaning": "real_imag", "order": (0, 0)}, "real_imag takes 2"),
        ({"meaning": "real_imag", "order": (0, 1, 2)}, "real_imag takes 2"),
        ({"meaning": "real_imag", "order": (-1, 0)}, "real_imag takes 2"),
        ({"order": (1, 0)}, "say --meaning too"),
        ({"outputs": ("phase",), "meaning": "amplitude_phase"}, "amplitude_phase takes 2 of the output's 1"),
        ({"outputs": ("y",)}, r"one or two outputs of the graph, not y: it has amplitude"),
        ({"outputs": ("phase", "phase")}, "one or two outputs"),
        ({"outputs": ("amplitude", "phase", "x")}, "one or two outputs"),
    ],
)
def test_what_does_not_fit_is_refused(scan: Scan, tmp_path: Path, said: dict, message: str) -> None:
    path = heads(tmp_path / "net.onnx")
    with pytest.raises(ExportError, match=message):
        adopt(path, tmp_path / "b", scan.counts(), GraphDescription(domain="counts", **said))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "said", [{"scale": float("nan")}, {"scale": 0.0}, {"pixel_size_m": -1.0}, {"inner_crop_px": 8}]
)
def test_no_number_is_beyond_what_makes_sense(scan: Scan, tmp_path: Path, said: dict) -> None:
    with pytest.raises((BundleError, ExportError), match=r"model\.json"):
        adopt(
            heads(tmp_path / "net.onnx"),
            tmp_path / "b",
            scan.counts(),
            GraphDescription(domain="counts", **said),
        )


@pytest.mark.parametrize("batch", [4097, 2**24])
def test_a_batch_that_nobody_has_is_refused(scan: Scan, tmp_path: Path, batch: int) -> None:
    with pytest.raises(ExportError, match=f"batches of {batch}"):
        adopt(heads(tmp_path / "net.onnx", batch=batch), tmp_path / "b", scan.counts(), COUNTS)


def test_a_graph_that_unfolds_is_refused(scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load(heads(tmp_path / "net.onnx"))
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == "pi")
    tensor.name = "c0"
    nodes = [helper.make_node("Concat", [f"c{k}"] * 2, [f"c{k + 1}"], axis=0) for k in range(28)]
    nodes.append(helper.make_node("ReduceMax", ["c28"], ["pi"], keepdims=0))
    tensor.dims.append(1)
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    onnx.save(model, tmp_path / "net.onnx")
    monkeypatch.setattr("ptychoscope.inference.bounded_run._SPARE_BYTES", 200 << 20)
    with pytest.raises(BundleError, match="more memory"):
        adopt(tmp_path / "net.onnx", tmp_path / "b", scan.counts(), COUNTS)


def test_only_regular_files_are_read(scan: Scan, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (tmp_path / "pipe.onnx", Path("/dev/zero")):
        with pytest.raises(ExportError, match="regular file"):
            adopt(path, tmp_path / "b", scan.counts(), COUNTS)


def refused(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr; nothing may stand on stdout."""
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    out, err = capfd.readouterr()
    assert end.value.code
    assert out == ""
    return err


def test_commands_name_the_cure(scan: Scan, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_scan(scan, tmp_path / "scan.npz")
    path, out = heads(tmp_path / "net.onnx"), tmp_path / "b"
    common = ["adopt", str(path), "-o", str(out), "--scan", str(tmp_path / "scan.npz"), "--json"]
    assert "--domain counts or --domain amplitude" in refused(common, capfd)
    said = [*common, "--domain", "counts"]
    assert "such as 1,0, got 'phase'" in refused([*said, "--order", "phase"], capfd)
    assert "it has amplitude" in refused([*said, "--outputs", "x"], capfd)
    path.write_bytes(path.read_bytes().replace(b"Sigmoid", b"\xff" * 7))
    assert "onnxruntime cannot load the graph" in refused(said, capfd)
    assert not out.exists()


def spoil_all(scan: Scan, folder: Path, seeds: range) -> None:
    graphs = [heads(folder / f"{k}.onnx", **kind).read_bytes() for k, kind in enumerate(KINDS)]
    counts, found = scan.counts(), {"adopted": 0, "refused": 0}
    for seed in seeds:
        rng = random.Random(seed)
        graph = rng.choice(graphs)
        path, out = folder / "net.onnx", folder / str(seed)
        path.write_bytes(spoil_graph(graph, rng) if rng.random() < 0.8 else spoil(graph, rng))
        try:
            adopt(path, out, counts, COUNTS)
        except (ExportError, BundleError):
            found["refused"] += 1
            assert not out.exists(), seed
        else:
            found["adopted"] += 1
    assert min(found.values()) > len(seeds) / 20


KINDS = (
    {},
    {"nhwc": True},
    {"group": 4},
    {"batch": 8},
    {"names": ("phase",)},
    {"names": ("phase",), "batch": 8},
    {"names": ("amplitude", "phase", "doubt")},
)


def test_150_damaged_graphs(scan: Scan, tmp_path: Path) -> None:
    spoil_all(scan, tmp_path, range(SEED, SEED + 150))


@pytest.mark.slow
def test_1200_damaged_graphs(scan: Scan, tmp_path: Path) -> None:
    spoil_all(scan, tmp_path, range(SEED + 1000, SEED + 2200))
