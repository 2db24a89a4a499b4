"""A session is ours or an error of ours, and onnxruntime says nothing on stdout."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bundles import field
from ptychoscope.errors import BundleError
from ptychoscope.inference import session as module
from ptychoscope.inference.model import Model
from ptychoscope.inference.session import open_session


def without_utf8(data: bytes, name: bytes) -> bytes:
    """The graph with a name of the same length that is no text."""
    assert name in data
    return data.replace(name, b"\xff" * len(name))


@pytest.mark.parametrize("name", [b"MatMul", b"diffraction", b"object"], ids=bytes.decode)
def test_names_that_are_no_text_are_refused_without_a_word_on_stdout(
    tiny: Path, capfd: pytest.CaptureFixture[str], name: bytes
) -> None:
    """onnxruntime's own class would print that it falls back to the CPU, and spoil what --json prints."""
    with pytest.raises(BundleError, match="cannot load the graph"):
        open_session(without_utf8((tiny / "model.onnx").read_bytes(), name), threads=1)
    assert capfd.readouterr().out == ""


def test_what_is_no_graph_is_refused_without_a_word_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    for data in (b"", b"\0", b"\xff" * 10, field(7, b"")):
        with pytest.raises(BundleError, match="cannot load the graph"):
            open_session(data, threads=1)
    assert capfd.readouterr().out == ""


def test_no_bit_depends_on_how_many_patterns_go_through_a_graph_at_once(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    (side, _), runs = tiny_model.pattern_px, []
    patterns = np.random.default_rng(0).poisson(9, (7, side, side)).astype(np.float32)
    whole = tiny_model.predict(patterns, domain="counts")
    run = module.Session.run

    def counted(self, output, feeds):
        runs.append(max(len(value) for value in feeds.values()))
        return run(self, output, feeds)

    monkeypatch.setattr(module.Session, "run", counted)
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 2 * side**2 // tiny_model.threads)
    assert_array_equal(tiny_model.predict(patterns, domain="counts"), whole)
    assert max(runs) <= 2
