"""From a verified float32 draft to one in lower precision, with its loss measured."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ExportError
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.model import Model
from ptychoscope.inference.session import open_session
from ptychoscope.inference.unrolled import COVERAGE
from ptychoscope.inference.unrolled_runner import UnrolledRunner
from ptychoscope.options import Precision
from ptychoscope.preprocess.complex_planes import complex_patches

from .bundle_writer import Draft, graph_bytes
from .quantise import Feeds, halved, quantised, relative_rms

LARGEST_LOSS = {"fp16": 1e-2, "int8": 5e-2}
"""Relative rms of the complex patches against float32, above which a bundle is not written."""
_CALIBRATED, _MEASURED = slice(0, None, 2), slice(1, None, 2)
_PER_CALL = 8
_MERGED = 30
"""Frames that light a pixel of a merged patch: half of the calibration is for those."""


def lowered(draft: Draft, model: Model, precision: Precision) -> Draft:
    """`draft` in `precision`, calibrated with `model`, its float32 self, on every second of its frames."""
    if precision == "fp16":
        graph, passes = halved(draft.graph), tuple(halved(graph) for graph in draft.passes)
    else:
        graph = quantised(draft.graph, _graph_feeds(draft, model))
        passes = tuple(
            quantised(graph, _pass_feeds(draft, model, number)) for number, graph in enumerate(draft.passes)
        )
    session = open_session(graph_bytes(graph), threads=1)
    runner = GraphRunner(session, model.config, draft.probe)
    own = complex_patches(runner.patches(draft.counts, "counts"), runner.values)
    return dataclasses.replace(draft, graph=graph, passes=passes, precision=precision, expected=own)


def loss(reference: Draft, draft: Draft, model: Model) -> float:
    """The largest relative rms of what `model`, written from `draft`, makes by any runner, to `reference`.

    On the frames that were not calibrated with. Raises `ExportError` when it is more than is allowed, or when
    the patches are all alike, so that it says nothing.
    """
    if reference.expected.std(axis=0).max() < 1e-3:
        raise ExportError("the network makes the same patch of every frame: its loss says nothing, train it")
    held, expected = draft.counts[_MEASURED], reference.expected[_MEASURED]
    losses = [relative_rms(draft.expected[_MEASURED], expected)]
    if model.passes:
        losses.append(relative_rms(model.predict(held, domain="counts", runner="unrolled"), expected))
    allowed, largest = LARGEST_LOSS[draft.precision], float(np.max(losses))  # NaN where one is NaN
    if not largest <= allowed:
        raise ExportError(
            f"{draft.precision} changes the patches by {largest:.3g} (relative rms), allowed are "
            f"{allowed}: export with --precision fp32"
        )
    return largest


def _graph_feeds(draft: Draft, model: Model) -> Iterator[Feeds]:
    runner = model.runner(kind="graph")
    assert isinstance(runner, GraphRunner)  # noqa: S101
    for counts in _parts(draft):
        yield runner.feeds(counts, "counts")


def _pass_feeds(draft: Draft, model: Model, number: int) -> Iterator[Feeds]:
    runner = model.runner(kind="unrolled")
    assert isinstance(runner, UnrolledRunner)  # noqa: S101
    for counts in _parts(draft):
        feeds = dict(runner.feeds(number, counts, "counts"))
        if COVERAGE in feeds:
            alternating = np.where(np.arange(len(counts)) % 2, _MERGED, 1).astype(np.float32)
            feeds[COVERAGE] = feeds[COVERAGE] * alternating[:, None, None, None]
        yield feeds


def _parts(draft: Draft) -> Iterator[NDArray[np.float32]]:
    counts = draft.counts[_CALIBRATED]
    for start in range(0, len(counts), _PER_CALL):
        yield counts[start : start + _PER_CALL]
