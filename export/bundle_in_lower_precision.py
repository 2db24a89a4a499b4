"""From a verified float32 draft to one in lower precision, with its loss measured."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ExportError
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.model import Model
from ptychoscope.inference.session import open_session
from ptychoscope.inference.unrolled_passes import COVERAGE
from ptychoscope.inference.unrolled_runner import UnrolledRunner
from ptychoscope.option_literals import Precision
from ptychoscope.preprocess.complex_planes import complex_patches

from .bundle_writer import BundleWriter, graph_bytes
from .reduce_precision import Feeds, halved, quantised, relative_rms

LARGEST_LOSS = {"fp16": 1e-2, "int8": 5e-2}
"""Relative rms of the complex patches against float32, above which a bundle is not written."""
_CALIBRATED, _MEASURED = slice(0, None, 2), slice(1, None, 2)
_PER_CALL = 8
_MERGED = 30
"""Frames that overlap at a pixel of a merged patch: half of the calibration is for those."""


def lowered(writer: BundleWriter, model: Model, precision: Precision) -> BundleWriter:
    """`draft` in `precision`, calibrated with `model`, its float32 self, on every second of its frames."""
    if precision == "fp16":
        graph, passes = halved(writer.graph), tuple(halved(graph) for graph in writer.passes)
    else:
        graph = quantised(writer.graph, _graph_feeds(writer, model))
        passes = tuple(
            quantised(graph, _pass_feeds(writer, model, number)) for number, graph in enumerate(writer.passes)
        )
    session = open_session(graph_bytes(graph), threads=1)
    runner = GraphRunner(session, model.config, writer.probe)
    own = complex_patches(runner.patches(writer.counts, "counts"), runner.values)
    return dataclasses.replace(writer, graph=graph, passes=passes, precision=precision, expected=own)


def loss(reference: BundleWriter, writer: BundleWriter, model: Model) -> float:
    """The largest relative rms of what `model`, written from `draft`, makes by any runner, to `reference`.

    On the frames that were not calibrated with. Raises `ExportError` when it is more than is allowed, or when
    the patches are all alike, so that it says nothing.
    """
    if reference.expected.std(axis=0).max() < 1e-3:
        raise ExportError("the network makes the same patch of every frame: its loss says nothing, train it")
    held, expected = writer.counts[_MEASURED], reference.expected[_MEASURED]
    losses = [relative_rms(writer.expected[_MEASURED], expected)]
    if model.passes:
        losses.append(relative_rms(model.predict(held, domain="counts", runner="unrolled"), expected))
    allowed, largest = LARGEST_LOSS[writer.precision], float(np.max(losses))  # NaN where one is NaN
    if not largest <= allowed:
        raise ExportError(
            f"{writer.precision} changes the patches by {largest:.3g} (relative rms), allowed are "
            f"{allowed}: export with --precision fp32"
        )
    return largest


def _graph_feeds(writer: BundleWriter, model: Model) -> Iterator[Feeds]:
    runner = model.runner(kind="graph")
    assert isinstance(runner, GraphRunner)  # noqa: S101
    for counts in _parts(writer):
        yield runner.feeds(counts, "counts")


def _pass_feeds(writer: BundleWriter, model: Model, number: int) -> Iterator[Feeds]:
    runner = model.runner(kind="unrolled")
    assert isinstance(runner, UnrolledRunner)  # noqa: S101
    for counts in _parts(writer):
        feeds = dict(runner.feeds(number, counts, "counts"))
        if COVERAGE in feeds:
            alternating = np.where(np.arange(len(counts)) % 2, _MERGED, 1).astype(np.float32)
            feeds[COVERAGE] = feeds[COVERAGE] * alternating[:, None, None, None]
        yield feeds


def _parts(writer: BundleWriter) -> Iterator[NDArray[np.float32]]:
    counts = writer.counts[_CALIBRATED]
    for start in range(0, len(counts), _PER_CALL):
        yield counts[start : start + _PER_CALL]
