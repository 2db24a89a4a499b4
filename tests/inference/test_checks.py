"""Every check at load, on something that no other check would catch before it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ptychoscope.errors import BundleError, ScanError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.inference.check_graph_tensors import checked_passes
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model_config import (
    FileSpec,
    GoldenSpec,
    GroupSpec,
    ModelConfig,
    ObjectSpec,
    TensorSpec,
)

Forge = Callable[..., Path]


def with_probe(copy: Path, forge: Forge, probe: np.ndarray) -> None:
    stream = io.BytesIO()
    np.save(stream, probe)
    (copy / "probe.npy").write_bytes(stream.getvalue())
    forge(probe=FileSpec(file="probe.npy", sha256=hashlib.sha256(stream.getvalue()).hexdigest()))


def with_golden(copy: Path, forge: Forge, counts: np.ndarray, patches: np.ndarray) -> None:
    stream = io.BytesIO()
    np.savez(stream, counts=counts, object=patches)
    (copy / "golden.npz").write_bytes(stream.getvalue())
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    forge(golden=GoldenSpec(file="golden.npz", sha256=digest, tolerance=1e-3))


def config(copy: Path) -> ModelConfig:
    return read_bundle(copy).config


def object_named(copy: Path, **fields: object) -> tuple[TensorSpec, ...]:
    return (msgspec.structs.replace(config(copy).tensor("object"), **fields),)


def golden(copy: Path) -> tuple[np.ndarray, np.ndarray]:
    bundle = read_bundle(copy)
    return bundle.golden_counts, bundle.golden_object.copy()


def no_number(array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed.flat[7] = np.nan
    return changed


PROBE = np.ones((1, 16, 16), np.complex64)
TOO_LONG = b" " * (1 << 20)
CHECKS: dict[str, tuple[Callable[[Path, Forge], object], str]] = {
    "patches of another size in the golden file": (
        lambda c, f: with_golden(c, f, golden(c)[0], golden(c)[1][:, ::2, ::2]),
        r"patches of \(8, 8\), model.json says",
    ),
    "patterns of another size in the golden file": (
        lambda c, f: with_golden(c, f, golden(c)[0][:, ::2, ::2], golden(c)[1]),
        r"patterns of \(8, 8\)",
    ),
    "golden patches that are no number": (
        lambda c, f: with_golden(c, f, golden(c)[0], no_number(golden(c)[1])),
        "largest difference nan",
    ),
    "golden counts that are no number": (
        lambda c, f: with_golden(c, f, no_number(golden(c)[0]), golden(c)[1]),
        "must be finite and not negative",
    ),
    "more frames in a group than channels": (
        lambda c, f: f(group=GroupSpec(size=2, rule="nearest"), object=ObjectSpec(meaning="phase")),
        r"1 input channel\(s\) for groups of 2",
    ),
    "a channel twice": (
        lambda c, f: f(object=ObjectSpec(meaning="real_imag", order=(1, 1))),
        "must name 2 different channels",
    ),
    "a channel that there is not": (
        lambda c, f: f(object=ObjectSpec(meaning="real_imag", order=(0, 2))),
        "must name 2 different channels",
    ),
    "one channel of two": (
        lambda c, f: f(object=ObjectSpec(meaning="real_imag", order=(0,))),
        "must name 2 different channels",
    ),
    "an output that there is not": (
        lambda c, f: f(outputs=object_named(c, name="phase")),
        "the graph has no output 'phase'",
    ),
    "an output of another type": (
        lambda c, f: f(outputs=object_named(c, dtype="float16")),
        "is float32 in the graph, float16 in model.json",
    ),
    "an output of another size": (
        lambda c, f: f(outputs=object_named(c, size_px=(16, 8))),
        r"output 'object' is \(None, 2, 16, 16\) in the graph",
    ),
    "no output that is an object": (lambda c, f: f(outputs=()), "names no tensor with role 'object'"),
    "a probe of another type": (
        lambda c, f: with_probe(c, f, PROBE.astype(np.complex128)),
        r"must be \(m, P, P\) complex64",
    ),
    "a probe without modes": (lambda c, f: with_probe(c, f, PROBE[:0]), r"must be \(m, P, P\) complex64"),
    "a probe of two axes": (lambda c, f: with_probe(c, f, PROBE[0]), r"must be \(m, P, P\) complex64"),
    "a probe of another size": (lambda c, f: with_probe(c, f, PROBE[:, :8, :8]), "needs a probe of"),
    "a probe that is no number": (lambda c, f: with_probe(c, f, no_number(PROBE)), "not finite"),
    "a sidecar that does not end": (
        lambda c, f: (c / "model.json").write_bytes((c / "model.json").read_bytes() + TOO_LONG),
        "more than the 1048576 allowed",
    ),
}


@pytest.mark.parametrize("what", CHECKS)
def test_it_is_refused(tiny_copy: Path, forge: Forge, what: str) -> None:
    change, message = CHECKS[what]
    change(tiny_copy, forge)
    with pytest.raises(BundleError, match=message):
        load_model(tiny_copy, threads=1)


def test_a_graph_is_no_pass(tiny: Path) -> None:
    with pytest.raises(BundleError, match=r"pass 0 maps \['diffraction', 'probe'\] to \['object'\]"):
        checked_passes((load_model(tiny, threads=1).session,))


def test_no_probe_is_taken_where_none_is_read(tiny: Path) -> None:
    model = load_model(tiny, threads=1)
    model.takes_probe = False
    with pytest.raises(ScanError, match="takes no probe"):
        model.predict(np.zeros((1, 16, 16), np.float32), probe=PROBE)
