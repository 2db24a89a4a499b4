"""Graphs of a few bytes that unfold to gigabytes or never end: refused, and Ctrl-C works meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the graphs are made with onnx")

from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper  # noqa: E402

from bundles import TINY  # noqa: E402
from ptychoscope.errors import BundleError, ScanError  # noqa: E402
from ptychoscope.inference.bounded_run import _resident_bytes, run_bounded  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.inference.model_config import FileSpec  # noqa: E402
from ptychoscope.inference.onnx_file import graph_digest  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402

VALUES = 1 << 28
"""A gigabyte in float32."""


def number(name: str, value: object, dtype: str = "f4") -> TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


def filled() -> tuple[list[NodeProto], list[TensorProto]]:
    return [helper.make_node("ConstantOfShape", ["shape"], ["big"])], [number("shape", [VALUES], "i8")]


def expanded() -> tuple[list[NodeProto], list[TensorProto]]:
    shape = number("shape", [1 << 10, VALUES >> 10], "i8")
    return [helper.make_node("Expand", ["row", "shape"], ["big"])], [shape, number("row", [[1]] * (1 << 10))]


def counted() -> tuple[list[NodeProto], list[TensorProto]]:
    values = [number(name, value) for name, value in (("from", 0), ("to", VALUES >> 4), ("by", 1 / 16))]
    return [helper.make_node("Range", ["from", "to", "by"], ["big"])], values


def doubled() -> tuple[list[NodeProto], list[TensorProto]]:
    nodes = [helper.make_node("Concat", [f"c{k}"] * 2, [f"c{k + 1}"], axis=0) for k in range(28)]
    return [*nodes, helper.make_node("Identity", ["c28"], ["big"])], [number("c0", [1])]


def multiplied() -> tuple[list[NodeProto], list[TensorProto]]:
    """No memory, but a minute."""
    nodes = [helper.make_node("MatMul", [f"c{k}", "c0"], [f"c{k + 1}"]) for k in range(2000)]
    ones = helper.make_node("Expand", ["one", "shape"], ["c0"])
    last = helper.make_node("Identity", ["c2000"], ["big"])
    return [ones, *nodes, last], [number("one", 1), number("shape", [1000, 1000], "i8")]


BOMBS = (filled, expanded, counted, doubled)


def added(model: ModelProto, bomb: Callable[[], tuple[list[NodeProto], list[TensorProto]]]) -> bytes:
    """The graph with `bomb` in it, its sum times 0 added to the output."""
    changed = ModelProto()
    changed.CopyFrom(model)
    nodes, tensors = bomb()
    graph = changed.graph
    for node in graph.node:
        node.output[:] = ["before" if name == "object" else name for name in node.output]
    nodes += [
        helper.make_node("ReduceMax", ["big"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "nought"], ["nothing"]),
        helper.make_node("Add", ["before", "nothing"], ["object"]),
    ]
    graph.node.extend(nodes)
    graph.initializer.extend([*tensors, number("nought", 0)])
    return changed.SerializeToString()


@pytest.fixture(scope="module")
def tiny_model() -> ModelProto:
    return onnx.load(TINY / "model.onnx")


@pytest.fixture
def feeds() -> dict[str, np.ndarray]:
    return {"diffraction": np.ones((1, 1, 16, 16), np.float32)}


def test_results_and_errors_come_through() -> None:
    assert run_bounded(lambda: 3, (), limit_bytes=1 << 30) == 3
    for error in (ScanError("no"), TimeoutError("late"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            run_bounded(lambda error=error: (_ for _ in ()).throw(error), (), limit_bytes=1 << 30)


def test_what_numpy_cannot_allocate_is_refused() -> None:
    with pytest.raises(BundleError, match="more memory"):
        run_bounded(lambda: np.zeros((1 << 20, 1 << 20, 1 << 10)), (), limit_bytes=1 << 30)


@pytest.mark.parametrize("bomb", BOMBS)
def test_nothing_unfolds_before_it_runs(tiny_model: ModelProto, bomb: Callable) -> None:
    data = added(tiny_model, bomb)
    before = _resident_bytes()
    open_session(data, threads=1)
    assert _resident_bytes() - before < 100 << 20
    assert len(data) < 20_000


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_unfolds_in_a_run_is_refused(
    tiny_copy: Path,
    forge: Callable[..., Path],
    tiny_model: ModelProto,
    monkeypatch: pytest.MonkeyPatch,
    bomb: Callable,
) -> None:
    data = added(tiny_model, bomb)
    (tiny_copy / "model.onnx").write_bytes(data)
    forge(graph=FileSpec(file="model.onnx", sha256=graph_digest(data)))
    monkeypatch.setattr("ptychoscope.inference.bounded_run._SPARE_BYTES", 64 << 20)
    with pytest.raises(BundleError, match=r"more memory .* \(more than 0\.1 GiB\)"):
        load_model(tiny_copy, threads=1)
    ended()


def ended() -> None:
    """Wait for the thread that was left to itself: the operator at hand was its last."""
    for thread in threading.enumerate():
        if thread.name == "bounded":
            thread.join()


def test_what_takes_for_ever_is_refused(
    tiny_model: ModelProto, feeds: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(added(tiny_model, multiplied), threads=1)
    monkeypatch.setattr("ptychoscope.inference.bounded_run._MOST_S", 0.1)
    with pytest.raises(BundleError, match="takes more than 0 s"):
        run_bounded(lambda: session.run("object", feeds), [session], limit_bytes=1 << 30)
    ended()
    with pytest.raises(BundleError, match="could not run"):
        session.run("object", feeds)


def test_ctrl_c_ends_it(tiny_model: ModelProto, feeds: dict[str, np.ndarray]) -> None:
    session = open_session(added(tiny_model, multiplied), threads=1)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    began = monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_bounded(lambda: session.run("object", feeds), [session], limit_bytes=1 << 30)
    assert monotonic() - began < 20  # and not the minute that the graph takes
    ended()


def test_an_endless_loop_is_refused(
    tiny_copy: Path, forge: Callable[..., Path], tiny_model: ModelProto
) -> None:
    def loop() -> tuple[list[NodeProto], list[TensorProto]]:
        step = helper.make_tensor_value_info("step", TensorProto.INT64, [])
        flag, out = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("in", "out"))
        value, more = (helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in ("v", "w"))
        body = helper.make_graph(
            [helper.make_node("Identity", ["in"], ["out"]), helper.make_node("Identity", ["v"], ["w"])],
            "body",
            [step, flag, value],
            [out, more],
        )
        node = helper.make_node("Loop", ["", "yes", "one"], ["big"], body=body)
        return [node], [number("yes", True, "?"), number("one", 1)]

    data = added(tiny_model, loop)
    (tiny_copy / "model.onnx").write_bytes(data)
    forge(graph=FileSpec(file="model.onnx", sha256=graph_digest(data)))
    with pytest.raises(BundleError, match="graphs within the graph, as If, Loop and Scan do"):
        load_model(tiny_copy, threads=1)
