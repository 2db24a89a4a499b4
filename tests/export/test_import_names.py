"""Heads whose names say what they are: joined by them, or refused where names and ranges do not agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="adopt needs onnx")
pytest.importorskip("torch", reason="ptychoscope.export needs torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ptychoscope.export.head_names import ordered_by_name, part_of  # noqa: E402
from ptychoscope.export.import_onnx import adopt  # noqa: E402
from ptychoscope.export.inspect_graph import GraphDescription  # noqa: E402

from optics import make_scan  # noqa: E402
from ptychoscope import cli  # noqa: E402
from ptychoscope.errors import ExportError  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402
from ptychoscope.io import save_scan  # noqa: E402
from ptychoscope.scan import Scan  # noqa: E402

SIDE = 16


@pytest.fixture(scope="module")
def scan() -> Scan:
    return make_scan(np.random.default_rng(4), side=SIDE)


def network(path: Path, **kinds: str) -> Path:
    """An output of every name: `unit` lies in (0, 1), `signed` in (-pi, pi), `two` has two such channels."""
    nodes, tensors, outputs = [], [numpy_helper.from_array(np.array(np.pi, np.float32), "pi")], []
    for seed, (name, kind) in enumerate(kinds.items()):
        planes = 2 if kind == "two" else 1
        values = np.random.default_rng(seed).normal(size=(planes, 1, 3, 3)) * 0.02
        tensors.append(numpy_helper.from_array(values.astype(np.float32), f"w{seed}"))
        nodes.append(helper.make_node("Conv", ["x", f"w{seed}"], [f"a{seed}"], pads=[1] * 4))
        if kind == "unit":
            nodes.append(helper.make_node("Sigmoid", [f"a{seed}"], [name]))
        else:
            nodes.append(helper.make_node("Tanh", [f"a{seed}"], [f"b{seed}"]))
            nodes.append(helper.make_node("Mul", [f"b{seed}", "pi"], [name]))
        shape = ["n", planes, SIDE, SIDE]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, SIDE, SIDE])
    graph = helper.make_graph(nodes, "net", [given], outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def adopted(path: Path, scan: Scan, **said: object) -> tuple[str, np.ndarray, dict[str, np.ndarray]]:
    """Meaning, the bundle's patches and what every output makes itself, of eight frames."""
    bundle = path.with_suffix("")
    config = adopt(path, bundle, scan.counts(), GraphDescription(domain="counts", **said))
    counts = scan.counts(slice(0, 8))
    session = open_session(path.read_bytes(), threads=1)
    own = {name: session.run(name, {"x": counts[:, None]})[:, 0] for name in session.outputs}
    return config.object.meaning, load_model(bundle, threads=1).predict(counts, domain="counts"), own


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("amp", "amplitude"),
        ("outAmp", "amplitude"),
        ("/decoder/amplitude/Sigmoid_output_0", "amplitude"),
        ("object_phase", "phase"),
        ("YPhi", "phase"),
        ("real_part", "real"),
        ("imag", "imag"),
        ("upsample", None),
        ("image", None),
        ("clamp_2", None),
        ("amp_phase", None),
        ("output", None),
        ("", None),
    ],
)
def test_names(name: str, part: str | None) -> None:
    assert part_of(name) == part


def test_one_that_says_nothing_is_what_is_left() -> None:
    assert ordered_by_name(("phase", "amp"), "amplitude_phase") == (1, 0)
    assert ordered_by_name(("y", "amp"), "amplitude_phase") == (1, 0)
    assert ordered_by_name(("y", "z"), "amplitude_phase") is None
    assert ordered_by_name(("phase", "phase2"), "amplitude_phase") is None
    assert ordered_by_name(("amp", "real"), "real_imag") is None
    assert ordered_by_name(("aux", "phase", "amp"), "amplitude_phase") == (2, 1)


@pytest.mark.parametrize(
    "kinds",
    [
        {"amp": "unit", "phase": "signed"},
        {"phase": "signed", "amp": "unit"},
        {"phase": "unit", "amp": "unit"},
        {"amp": "signed", "phase": "signed"},
        {"out1": "unit", "phase": "unit"},
    ],
    ids=lambda kinds: "-".join(f"{name}_{kind}" for name, kind in kinds.items()),
)
def test_two_heads_are_joined_by_their_names(scan: Scan, tmp_path: Path, kinds: dict) -> None:
    """Ranges would say: a phase is an amplitude, or both are real and imaginary part."""
    meaning, found, own = adopted(network(tmp_path / "net.onnx", **kinds), scan)
    (other,) = set(kinds) - {"phase"}
    assert meaning == "amplitude_phase"
    np.testing.assert_allclose(found, own[other] * np.exp(1j * own["phase"]), atol=1e-5)


@pytest.mark.parametrize("kinds", [{"real": "unit", "imag": "signed"}, {"imag": "signed", "real": "unit"}])
def test_a_real_part_that_is_never_negative_is_no_amplitude(scan: Scan, tmp_path: Path, kinds: dict) -> None:
    meaning, found, own = adopted(network(tmp_path / "net.onnx", **kinds), scan)
    assert meaning == "real_imag"
    np.testing.assert_allclose(found, own["real"] + 1j * own["imag"], atol=1e-5)


@pytest.mark.parametrize("outputs", [(), ("phase", "amp"), ("amp", "phase")])
def test_a_meaning_is_found_by_the_names(scan: Scan, tmp_path: Path, outputs: tuple) -> None:
    """In whatever order they stand or are asked for; the phase alone too."""
    path = network(tmp_path / "net.onnx", phase="unit", amp="unit")
    found = adopted(path, scan, meaning="amplitude_phase", outputs=outputs)
    np.testing.assert_allclose(found[1], found[2]["amp"] * np.exp(1j * found[2]["phase"]), atol=1e-5)
    path = network(tmp_path / "other.onnx", amp="unit", phase="unit")
    found = adopted(path, scan, meaning="phase", outputs=outputs)
    np.testing.assert_allclose(found[1], np.exp(1j * found[2]["phase"]), atol=1e-5)


@pytest.mark.parametrize(
    ("kinds", "said", "message"),
    [
        ({"amp": "signed", "phase": "unit"}, {}, "not what their names say.*--meaning"),
        ({"phase": "signed", "phase2": "signed"}, {}, "these say too little.*--meaning"),
        ({"amp": "unit", "real": "unit"}, {}, "--meaning"),
        ({"y": "unit", "z": "unit"}, {}, "cannot be told from their ranges.*--meaning"),
        ({"amp": "unit"}, {}, "'amp' is by its name the amplitude alone.*--meaning phase"),
        ({"y": "unit"}, {}, "'y' is never negative.*--meaning phase"),
        ({"amp": "unit", "phase": "unit"}, {"outputs": ("amp",)}, "'amp' is by its name the amplitude"),
        ({"amp": "unit", "phase": "signed", "aux": "unit"}, {}, r"several outputs.*--outputs amp,phase"),
        ({"aux": "unit", "imag": "signed", "real": "signed"}, {}, r"several outputs.*--outputs real,imag"),
        ({"a": "unit", "b": "signed", "c": "unit"}, {}, r"several outputs.*--outputs NAME,NAME"),
        ({"both": "two", "phase": "signed"}, {}, r"several outputs.*both \(nx2.*phase \(nx1"),
    ],
)  # fmt: skip
def test_what_nobody_can_tell_is_refused(
    scan: Scan, tmp_path: Path, kinds: dict, said: dict, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        adopted(network(tmp_path / "net.onnx", **kinds), scan, **said)
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"y": "unit"}, {"meaning": "phase"}),
        ({"y": "signed"}, {}),
        ({"phase": "unit"}, {}),
        ({"amp": "signed"}, {"meaning": "phase"}),
    ],
)
def test_one_plane_is_a_phase_where_that_is_sure(scan: Scan, tmp_path: Path, kinds: dict, said: dict) -> None:
    meaning, found, own = adopted(network(tmp_path / "net.onnx", **kinds), scan, **said)
    assert meaning == "phase"
    np.testing.assert_allclose(found, np.exp(1j * next(iter(own.values()))), atol=1e-5)


def test_the_scan_is_read_as_run_reads_it(scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Frames last, amplitudes under the key of counts; without a terminal the domain must be said."""
    path = network(tmp_path / "net.onnx", amp="unit", phase="signed")
    save_scan(scan, tmp_path / "scan.npz")
    y, x = scan.positions_px.T
    odd = np.moveaxis(scan.amplitude(), 0, 2)
    np.savez(tmp_path / "odd.npz", counts=odd, ycoords=y, xcoords=x, probeGuess=scan.probe)

    def call(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["adopt", str(path), *words])
        return int(end.value.code or 0), capsys.readouterr().err

    domain = ("--domain", "counts")
    for name, reading in (("scan", ()), ("odd", ("--layout", "HWN", "--scan-domain", "amplitude"))):
        words = ("--scan", str(tmp_path / f"{name}.npz"), "-o", str(tmp_path / name))
        assert call(*words, *reading, *domain)[0] == 0
    golden = [np.load(tmp_path / name / "golden.npz")["counts"] for name in ("scan", "odd")]
    np.testing.assert_allclose(*golden, rtol=1e-5)
    code, said = call("--scan", str(tmp_path / "scan.npz"), "-o", str(tmp_path / "new"))
    assert (code, "Aborted" in said) == (2, False)
    assert "--domain counts or --domain amplitude" in said
