"""The loop and the slot: order kept, errors raised where the caller is, models replaced and no frame lost."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ptychoscope.errors import BundleError, ScanError
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_config import StitchSpec
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.pipeline.loop import run
from ptychoscope.pipeline.patch_sinks import CanvasSink, PredictedBatch
from ptychoscope.pipeline.sources import Batch
from ptychoscope.stitch.canvas import Canvas

SIDE = 16
EXTENT = CanvasExtent((0, 0), (SIDE, SIDE * 64))


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(Path(__file__).resolve().parents[1] / "data" / "tiny_bundle", threads=1)


class Stream:
    """`count` batches of dim frames, frame k in column k % 64; `before` runs before each is handed out."""

    def __init__(self, count: int, size: int, before: Callable[[int], None] = lambda _: None) -> None:
        self.count, self.size, self.before = count, size, before

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.count):
            self.before(number)
            frames = np.arange(number * self.size, (number + 1) * self.size)
            positions = np.stack([np.full(self.size, 8.0), 8.0 + SIDE * (frames % 64)], axis=1)
            yield Batch(
                patterns=np.ones((self.size, SIDE, SIDE), np.float32),
                positions_px=positions,
                domain="counts",
                series=np.zeros(self.size, np.int64),
                frames=frames,
                arrived_s=np.zeros(self.size),
            )


def test_ten_thousand_frames_and_twenty_swaps(model: Model, forge: Callable[..., Path]) -> None:
    other = load_model(forge(stitch=StitchSpec(window="none")), threads=1)
    assert other.digest != model.digest
    slot, expected = ModelSlot(model), []

    def swap(number: int) -> None:
        if number % 25 == 12:
            slot.swap(other if (number // 25) % 2 == 0 else model)
        expected.append(slot.loaded.digest)

    canvas = Canvas(EXTENT.shape)
    report = run(Stream(500, 20, swap), slot, [CanvasSink(canvas, EXTENT)], workers=3)
    assert report.frames == 10_000
    placed_once = canvas.coverage()[0].reshape(64, SIDE)
    counts = np.bincount(np.arange(10_000) % 64, minlength=64)
    np.testing.assert_array_equal(placed_once, np.repeat(counts[:, None], SIDE, axis=1))
    assert sum(frames for _, frames in report.models) == 10_000
    assert len(report.models) == 21
    made_by = [digest for digest, frames in report.models for _ in range(frames // 20)]
    assert made_by == expected


def test_a_model_of_another_size_cannot_replace(model: Model) -> None:
    class Larger(Model):
        pattern_px = (32, 32)

        def __init__(self) -> None:
            self.__dict__.update(model.__dict__)

    slot = ModelSlot(model)
    with pytest.raises(BundleError, match="start a new run"):
        slot.swap(Larger())
    assert slot.loaded.digest == model.digest


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_source_reaches_the_caller(model: Model, workers: int) -> None:
    def fail(number: int) -> None:
        if number == 7:
            raise ScanError("the detector went away")

    canvas = Canvas(EXTENT.shape)
    with pytest.raises(ScanError, match="went away"):
        run(Stream(20, 4, fail), ModelSlot(model), [CanvasSink(canvas, EXTENT)], workers=workers)
    assert canvas.coverage()[0, ::SIDE].sum() == 28


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_network_reaches_the_caller_and_stops_the_source(model: Model, workers: int) -> None:
    read = []
    broken = Stream(1000, 4, read.append)

    class Cut(Stream):
        def __iter__(self) -> Iterator[Batch]:
            for batch in broken:
                yield dataclasses.replace(batch, patterns=batch.patterns[:, :8]) if len(read) == 5 else batch

    with pytest.raises(ScanError, match="use a model of that size"):
        run(Cut(0, 0), ModelSlot(model), [], workers=workers)
    assert len(read) <= 5 + workers + 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("network")]


def test_what_is_under_way_is_bounded(model: Model) -> None:
    read: list[int] = []
    placed: list[int] = []

    def gap(frames: int) -> None:
        placed.append(frames)
        assert len(read) * 4 - frames <= (2 + 2 + 1) * 4

    run(Stream(60, 4, read.append), ModelSlot(model), [], workers=2, progress=gap)
    assert placed[-1] == 240


def test_every_sink_takes_every_batch_in_order(model: Model) -> None:
    class Record:
        def __init__(self) -> None:
            self.frames: list[int] = []

        def take(self, predicted: PredictedBatch) -> None:
            assert predicted.model == model.digest
            assert len(predicted.positioned.patches) == len(predicted.batch)
            self.frames += predicted.batch.frames.tolist()

    first, second = Record(), Record()
    run(Stream(30, 4), ModelSlot(model), [first, second], workers=3)
    assert first.frames == second.frames == list(range(120))
