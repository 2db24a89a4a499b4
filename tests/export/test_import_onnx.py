"""Networks that others trained, in the shapes that they are found in, run through adopt and run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="adopt needs onnx")
pytest.importorskip("torch", reason="ptychoscope.export needs torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ptychoscope.export.import_onnx import adopt  # noqa: E402
from ptychoscope.export.inspect_graph import GraphDescription  # noqa: E402

from optics import make_scan  # noqa: E402
from ptychoscope import cli  # noqa: E402
from ptychoscope.errors import BundleError, ExportError  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402
from ptychoscope.io import save_scan  # noqa: E402
from ptychoscope.pipeline.reconstruct import reconstruct  # noqa: E402
from ptychoscope.preprocess.grouping import group_frames  # noqa: E402
from ptychoscope.scan import Scan  # noqa: E402

SIDE = 16
COUNTS, AMPLITUDE = GraphDescription(domain="counts"), GraphDescription(domain="amplitude")


@pytest.fixture(scope="module")
def scan() -> Scan:
    return make_scan(np.random.default_rng(4), side=SIDE)


def weight(name: str, *shape: int) -> TensorProto:
    values = np.random.default_rng(len(name)).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(values / np.float32(np.prod(shape[1:]) ** 0.5), name)


def save(
    path: Path,
    nodes: list,
    tensors: list,
    given: list[int],
    made: list[int],
    opset: int = 17,
    names=("x", "y"),
) -> Path:
    x = helper.make_tensor_value_info(names[0], TensorProto.FLOAT, given)
    y = helper.make_tensor_value_info(names[1], TensorProto.FLOAT, made)
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def edge_ptychonn(path: Path, batch: int | str = 8) -> Path:
    """Phase alone by tanh x pi, opset 12, batch fixed at 8, tensor names as torch numbers them."""
    nodes = [
        helper.make_node("Conv", ["input.1", "w1"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "w2"], ["d"], pads=[1] * 4),
        helper.make_node(
            "Resize",
            ["d", "roi", "scales"],
            ["e"],
            mode="linear",
            coordinate_transformation_mode="pytorch_half_pixel",
        ),
        helper.make_node("Tanh", ["e"], ["f"]),
        helper.make_node("Mul", ["f", "pi"], ["94"]),
    ]
    tensors = [
        weight("w1", 4, 1, 3, 3),
        weight("w2", 1, 4, 3, 3),
        numpy_helper.from_array(np.array([], np.float32), "roi"),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
        numpy_helper.from_array(np.array(np.pi, np.float32), "pi"),
    ]
    shape = [batch, 1, SIDE, SIDE]
    return save(path, nodes, tensors, shape, shape, 12, ("input.1", "94"))


def vit(path: Path, *, swapped: bool = False, nhwc: bool = False) -> Path:
    """Amplitude by softplus and phase in two channels, in either order and layout; half the size out."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["t" if nhwc else "x"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p", "wa"], ["a0"], pads=[1] * 4),
        helper.make_node("Softplus", ["a0"], ["a"]),
        helper.make_node("Conv", ["p", "wp1"], ["p0"], pads=[1] * 4),
        helper.make_node("Tanh", ["p0"], ["p1"]),
        helper.make_node("Concat", ["p1", "a"] if swapped else ["a", "p1"], ["c"], axis=1),
        helper.make_node(
            "Transpose" if nhwc else "Identity", ["c"], ["y"], **({"perm": [0, 2, 3, 1]} if nhwc else {})
        ),
    ]
    nodes = nodes if nhwc else nodes[1:]
    half = SIDE // 2
    given = ["b", SIDE, SIDE, 1] if nhwc else ["b", 1, SIDE, SIDE]
    made = ["b", half, half, 2] if nhwc else ["b", 2, half, half]
    return save(path, nodes, [weight("wa", 1, 1, 3, 3), weight("wp1", 1, 1, 3, 3)], given, made)


def pinn_group(path: Path) -> Path:
    """Four neighbours in, four amplitudes then four phases out."""
    nodes = [
        helper.make_node("Conv", ["x", "wamp"], ["a0"], pads=[1] * 4),
        helper.make_node("Sigmoid", ["a0"], ["a"]),
        helper.make_node("Conv", ["x", "wphase"], ["p0"], pads=[1] * 4),
        helper.make_node("Tanh", ["p0"], ["p"]),
        helper.make_node("Concat", ["a", "p"], ["y"], axis=1),
    ]
    tensors = [weight("wamp", 4, 4, 3, 3), weight("wphase", 4, 4, 3, 3)]
    return save(path, nodes, tensors, ["b", 4, SIDE, SIDE], ["b", 8, SIDE, SIDE])


def raw(path: Path, planes: np.ndarray) -> np.ndarray:
    """What the graph itself makes of its input tensor."""
    session = open_session(path.read_bytes(), threads=1)
    return session.run(next(iter(session.outputs)), {next(iter(session.inputs)): planes.astype(np.float32)})


def test_phase_alone_with_a_fixed_batch(scan: Scan, tmp_path: Path) -> None:
    path = edge_ptychonn(tmp_path / "ptychoNN_8.onnx")
    config = adopt(path, tmp_path / "bundle", scan.counts(), COUNTS)
    assert (config.batch, config.batch_size, config.object.meaning) == ("relaxed", 8, "phase")
    counts = scan.counts(slice(0, 8))
    expected = np.exp(1j * raw(path, counts[:, None])[:, 0])
    model = load_model(tmp_path / "bundle", threads=1)
    for batch in (1, 3, 8):
        got = model.predict(counts, domain="counts", batch=batch)
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_padded_and_relaxed_batches_agree_bitwise(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edge_ptychonn(tmp_path / "net.onnx")
    adopt(path, tmp_path / "relaxed", scan.counts(), COUNTS)
    monkeypatch.setattr("ptychoscope.export.import_onnx.relaxed", lambda model, *_: (model, "fixed"))
    assert adopt(path, tmp_path / "fixed", scan.counts(), COUNTS).batch == "fixed"
    free, fixed = (load_model(tmp_path / name, threads=1) for name in ("relaxed", "fixed"))
    for frames in (0, 1, 7, 8, 9, 21):
        counts = scan.counts(slice(0, frames))
        got = fixed.predict(counts, domain="counts")
        assert got.shape == (frames, SIDE, SIDE)
        assert got.tobytes() == free.predict(counts, domain="counts").tobytes()


def test_a_batch_that_is_baked_in_stays_fixed(scan: Scan, tmp_path: Path) -> None:
    shape = [4, 1, SIDE, SIDE]
    nodes = [
        helper.make_node("Reshape", ["x", "flat"], ["a"]),
        helper.make_node("Reshape", ["a", "back"], ["b"]),
        helper.make_node("Sin", ["b"], ["y"]),
    ]
    tensors = [
        numpy_helper.from_array(np.array([4 * SIDE * SIDE]), "flat"),
        numpy_helper.from_array(np.array(shape), "back"),
    ]
    path = save(tmp_path / "net.onnx", nodes, tensors, shape, shape)
    assert adopt(path, tmp_path / "bundle", scan.counts(), COUNTS).batch == "fixed"
    counts = scan.counts(slice(0, 6))
    got = load_model(tmp_path / "bundle", threads=1).predict(counts, domain="counts")
    np.testing.assert_allclose(got, np.exp(1j * np.sin(counts)), atol=1e-5)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("nhwc", [False, True])
def test_two_channels_in_any_order_and_layout(scan: Scan, tmp_path: Path, swapped: bool, nhwc: bool) -> None:
    path = vit(tmp_path / "vit.onnx", swapped=swapped, nhwc=nhwc)
    description = GraphDescription(domain="amplitude", scale=0.25, inner_crop_px=1)
    config = adopt(path, tmp_path / "bundle", scan.counts(), description)
    assert config.object.meaning == "amplitude_phase"
    assert config.object.order == ((1, 0) if swapped else (0, 1))
    planes = 0.25 * scan.amplitude()
    output = raw(path, planes[..., None] if nhwc else planes[:, None])
    output = np.moveaxis(output, -1, 1) if nhwc else output
    amplitude, phase = output[:, int(swapped)], output[:, 1 - int(swapped)]
    model = load_model(tmp_path / "bundle", threads=1)
    assert (model.pattern_px, model.patch_px) == ((SIDE, SIDE), (SIDE // 2, SIDE // 2))
    got = model.predict(scan.patterns, domain=scan.domain)
    np.testing.assert_allclose(got, amplitude * np.exp(1j * phase), atol=1e-5)
    result = reconstruct(scan, model)
    assert (result.coverage > 0).mean() > 0.5


def test_groups_of_four(scan: Scan, tmp_path: Path) -> None:
    path = pinn_group(tmp_path / "pinn.onnx")
    config = adopt(path, tmp_path / "bundle", scan.counts(), AMPLITUDE)
    assert (config.group.size, config.object.order) == (4, tuple(range(8)))
    output = raw(path, scan.amplitude().reshape(-1, 4, SIDE, SIDE))
    patches = (output[:, :4] * np.exp(1j * output[:, 4:])).reshape(-1, SIDE, SIDE)
    model = load_model(tmp_path / "bundle", threads=1)
    got = model.predict(scan.patterns, domain=scan.domain)
    np.testing.assert_allclose(got, patches, atol=1e-6)
    placed = model.runner().positioned(scan.patterns, scan.domain, scan.positions_px)
    groups = group_frames(scan.positions_px, 4)
    np.testing.assert_array_equal(placed.positions_px, scan.positions_px[groups.ravel()])
    output = raw(path, scan.amplitude()[groups])
    expected = (output[:, :4] * np.exp(1j * output[:, 4:])).reshape(-1, SIDE, SIDE)
    np.testing.assert_allclose(placed.patches, expected, atol=1e-6)
    assert reconstruct(scan, model, batch=9).object.std() > 0


@pytest.mark.parametrize("kind", ["ptychonn", "vit", "pinn"])
def test_the_commands(scan: Scan, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    make = {"ptychonn": edge_ptychonn, "vit": vit, "pinn": pinn_group}[kind]
    path = make(tmp_path / "net.onnx")
    save_scan(scan, tmp_path / "scan.npz")
    common = ["--scan", str(tmp_path / "scan.npz"), "--domain", "counts", "--json"]
    scan_file, bundle = str(tmp_path / "scan.npz"), str(tmp_path / "b")
    for arguments in (
        ["adopt", str(path), "-o", bundle, *common],
        ["run", scan_file, "-m", bundle, "-o", str(tmp_path / "o.h5"), "--json"],
    ):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert not end.value.code
        figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] >= len(scan)


def refused(path: Path, scan: Scan, out: Path, message: str, error: type = ExportError) -> None:
    with pytest.raises(error, match=message):
        adopt(path, out, scan.counts(), COUNTS)
    assert not out.exists()


def test_what_cannot_be_told_must_be_said(scan: Scan, tmp_path: Path) -> None:
    shape = ["b", 1, SIDE, SIDE]
    path = save(tmp_path / "net.onnx", [helper.make_node("Relu", ["x"], ["y"])], [], shape, shape)
    refused(path, scan, tmp_path / "b", "cannot be told from their ranges")
    said = GraphDescription(domain="amplitude", meaning="phase")
    adopt(path, tmp_path / "b", scan.counts(), said)
    got = load_model(tmp_path / "b", threads=1).predict(scan.patterns, domain=scan.domain)
    np.testing.assert_allclose(got, np.exp(1j * scan.amplitude()), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "made", "message"),
    [
        (["b", 1, SIDE, 8], ["b", 1, SIDE, 8], "neither"),
        (["b", SIDE, SIDE], ["b", SIDE, SIDE], "four axes"),
        (["b", 1, "h", "w"], ["b", 1, "h", "w"], "four axes of known size"),
        (["b", 1, 32, 32], ["b", 1, 32, 32], "32 x 32 px"),
    ],
)
def test_shapes_that_are_not_patterns(
    scan: Scan, tmp_path: Path, given: list, made: list, message: str
) -> None:
    path = save(tmp_path / "net.onnx", [helper.make_node("Sin", ["x"], ["y"])], [], given, made)
    refused(path, scan, tmp_path / "b", message)


def test_unsafe_and_absent_files(scan: Scan, tmp_path: Path) -> None:
    refused(tmp_path / "absent.onnx", scan, tmp_path / "b", "there is no file")
    (tmp_path / "text.onnx").write_text("not a network")
    refused(tmp_path / "text.onnx", scan, tmp_path / "b", "ONNX", BundleError)
    shape = ["b", 1, SIDE, SIDE]
    nodes = [helper.make_node("Evil", ["x"], ["y"], domain="evil")]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), tmp_path / "evil.onnx")
    refused(tmp_path / "evil.onnx", scan, tmp_path / "b", "custom operator of domain 'evil'", BundleError)
