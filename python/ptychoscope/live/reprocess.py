"""Reprocess: a capture goes the way of the live run once more, and becomes the same images, bit for bit.

The capture says in which batches frames were placed, what was found and mended, and of which part of a series
a frame is. Frames that the live run had received and not yet placed when it was killed follow after them;
frames that it dropped in a series that it ended stay dropped.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptychoscope.errors import BundleError, ScanError
from ptychoscope.inference.model import Model
from ptychoscope.live.account import Account
from ptychoscope.live.capture import CapturedBatch, CapturedMessage, CaptureReader
from ptychoscope.live.capture_header import CaptureHead, Key, key_of, read_head
from ptychoscope.live.events import SeriesStart
from ptychoscope.live.join import Join, Joined
from ptychoscope.live.one_series import SeriesRun
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.source import Decoder, decoder_of
from ptychoscope.reconstruction import Reconstruction

LoadModel = Callable[[str, str | None], Model]
"""A model from its folder, with the digest that it must have; None: any."""
_TAIL_BATCH = 64


def reprocess(
    path: Path,
    done: Callable[[Key, Reconstruction], None],
    *,
    load_model: LoadModel,
    settings: Callable[[LiveSettings], LiveSettings] = lambda recorded: recorded,
) -> dict[str, Any]:
    """Hand the result of every series in the capture, or of every part, to `done`; the account as numbers.

    Parameters
    ----------
    settings
        Changes those that were recorded; without, the bits are those of the live run.

    Raises
    ------
    ScanError
        It is no capture, or the sources were of a kind that is not known.
    """
    reader = CaptureReader(path)
    head = read_head(reader)
    head.settings = settings(head.settings)
    again = _Again(head, done, load_model)
    for record in reader:
        if isinstance(record, CapturedMessage):
            again.message(record)
        elif isinstance(record, CapturedBatch):
            again.batch(record)
        elif record.what == "model":
            again.swap(record.value)
        elif record.what == "done":
            again.end_part(key_of(record.value))
    again.finish()
    series = len({number for number, _ in again.closed})
    return again.account.snapshot() | {"capture": str(path), "cut": reader.cut, "series": series}


class _Again:
    """The live loop without its threads."""

    def __init__(
        self, head: CaptureHead, done: Callable[[Key, Reconstruction], None], load_model: LoadModel
    ) -> None:
        self.account, self.closed = Account(), set[Key]()
        self._head, self._done, self._load = head, done, load_model
        settings = head.settings
        self._model = None if settings.model is None else load_model(settings.model, settings.model_digest)
        self._join = Join(self.account, given=settings.given_positions)
        self._decoders: list[Decoder] = [decoder_of(each.scheme, **each.options) for each in head.sources]
        self._starts: dict[int, SeriesStart] = {}
        self._open: dict[Key, _Rerun] = {}
        self._swaps = 0

    def message(self, message: CapturedMessage) -> None:
        if message.origin >= len(self._decoders):
            raise ScanError(
                f"a message of source {message.origin} of {len(self._decoders)}: a damaged capture"
            )
        for event in self._decoders[message.origin](message.parts, message.arrived_s):
            if isinstance(event, SeriesStart):
                self._starts[event.series] = event
            for pair in self._join.take(event):
                key = self._head.part_of(pair.frame.series, pair.frame.number)
                self._rerun(key).take(pair)
            self._settled()

    def batch(self, batch: CapturedBatch) -> None:
        self._rerun((batch.series, batch.part)).place(batch)
        self._settled()

    def swap(self, told: dict[str, Any]) -> None:
        """Another model for what has no image yet, and for the series that it was told of.

        One that a later mend places anew has had the last model before that from its beginning.
        """
        self._model, self._swaps = self._load(told["bundle"], told["digest"]), self._swaps + 1
        for key, rerun in self._open.items():
            told_of = told["series"] is not None and key == key_of(told)
            if (told_of or rerun.run.image is None) and self._swaps > self._head.swaps_before_mend.get(
                key, 0
            ):
                rerun.run.swap(self._model)

    def end_part(self, key: Key) -> None:
        """All of a part that others follow was placed."""
        if key in self._open and not self._head.is_last(key):
            self._close(key)

    def finish(self) -> None:
        self._join.settle()
        self._settled(last=True)

    def _rerun(self, key: Key) -> "_Rerun":
        if key not in self._open:
            (series, part), settings = key, self._head.settings
            start = self._starts.get(series)
            run = SeriesRun(
                series, settings, self.account, part=part, start=start, model=self._first_model(key)
            )
            self._open[key] = _Rerun(run, self._head)
        return self._open[key]

    def _first_model(self, key: Key) -> Model | None:
        before = self._head.swaps_before_mend.get(key, 0)
        if before <= self._swaps:
            return self._model
        told = self._head.swaps[before - 1]
        return self._load(told["bundle"], told["digest"])

    def _settled(self, *, last: bool = False) -> None:
        """Series of which all batches are placed, once nothing of them follows."""
        over = {settled.series for settled in self._join.settled}
        for key, rerun in sorted(self._open.items()):
            if last or (key[0] in over and self._head.is_last(key) and not rerun.batches_left):
                self._close(key)

    def _close(self, key: Key) -> None:
        result = self._open.pop(key).close()
        self.closed.add(key)
        if result is not None:
            self._done(key, result)


class _Rerun:
    """One series, or a part, batch by batch as they were."""

    def __init__(self, run: SeriesRun, head: CaptureHead) -> None:
        self.run, key = run, (run.series, run.part)
        self.batches_left = head.batches.get(key, 0)
        self._placed = head.placed.get(key, set())
        self._mends = head.mends.get(key, [])
        self._needed = head.first.get(key, run.frames_needed)
        self._ended = key in head.done
        self._held: dict[int, Joined] = {}
        self._tail: list[Joined] = []
        self._waiting: list[list[Joined]] = []

    def take(self, pair: Joined) -> None:
        """A frame; it waits for its batch, or for the end of all of them."""
        if pair.frame.number in self._placed:
            self._held[pair.frame.number] = pair
        elif self._ended:
            self.run.account.lose("dropped")
        else:
            self._tail.append(pair)
            self._place_tail()

    def place(self, batch: CapturedBatch) -> None:
        """Place what the live run placed together. Raises `ScanError` for a frame that never came."""
        missing = [number for number in batch.numbers.tolist() if number not in self._held]
        if missing:
            raise ScanError(
                f"frame {missing[0]} of series {batch.series} was placed and is not in the capture: was it "
                "written by two runs?"
            )
        pairs = [
            self._held.pop(number)._replace(position=(float(y), float(x)))
            for number, (y, x) in zip(batch.numbers.tolist(), batch.positions, strict=True)
        ]
        self.batches_left -= 1
        self._put(pairs)

    def close(self) -> Reconstruction | None:
        """The result, once nothing follows."""
        self._place_tail(whole=True)
        self._put([], whole=True)
        return self.run.close()

    def _place_tail(self, *, whole: bool = False) -> None:
        """Frames that follow all that was placed, in full batches, or in the end all of them."""
        size = self.run.settings.batch or _TAIL_BATCH
        while not self.batches_left and self._tail and (whole or len(self._tail) >= size):
            batch, self._tail = self._tail[:size], self._tail[size:]
            self._put(batch)

    def _put(self, pairs: list[Joined], *, whole: bool = False) -> None:
        """Place batches, once there are frames enough to find the reading."""
        if pairs:
            self._waiting.append(pairs)
        if self.run.reading is None:
            first = [pair for batch in self._waiting for pair in batch][: self._needed]
            if not first or (not whole and len(first) < self._needed):
                return
            if not self.run.prepare(first, self._mends):
                left = [pair for batch in self._waiting for pair in batch][len(first) :]
                self._waiting = [left] if left else []
                return
        for batch in self._waiting:
            self.run.place(batch)
        self._waiting = []


def load_recorded(bundle: str, digest: str | None) -> Model:
    """The model in `bundle`; raises `BundleError` when it is not the one with `digest`."""
    from ptychoscope.inference.load import load_model

    model = load_model(bundle)
    if digest and model.digest != digest:
        raise BundleError(
            f"the model in {bundle} is not the one that the live run used: --model names the folder of "
            "that, or of another whose image you want"
        )
    return model
