"""What a capture says besides its messages: settings, sources, which frames became which image.

It is read before the messages are, so that every frame is known to belong to a batch, or to none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.live.capture import CapturedBatch, CaptureReader, CaptureWriter, Said
from ptychoscope.live.settings import LiveSettings
from ptychoscope.preprocess.orientation import Orientation

Key = tuple[int, int]
"""A series and a part of it, from 1: what became an image of its own."""
_CUT = "cut."


class CapturedSource(NamedTuple):
    """One of the sources that a capture was made of."""

    scheme: str
    options: dict[str, Any]
    """Of its decoder."""


def write_head(capture: CaptureWriter, settings: LiveSettings, sources: Sequence[CapturedSource]) -> None:
    """What stands at the beginning of a capture, so that it alone is enough."""
    plain, arrays = settings.record()
    for name, array in arrays.items():
        capture.say(f"settings.{name}", array)
    capture.say("settings", plain)
    capture.say("sources", [source._asdict() for source in sources])


def note_cut(capture: CaptureWriter, series: int, gone: NDArray[np.bool_]) -> None:
    """A series goes on as another part: which of its numbers (n,) went before."""
    capture.say(f"{_CUT}{series}", np.packbits(gone, bitorder="little"))


@dataclass(eq=False)
class CaptureHead:
    """What a capture says besides messages and batches."""

    settings: LiveSettings
    sources: list[CapturedSource]
    mends: dict[Key, list[Orientation]] = field(default_factory=dict)
    placed: dict[Key, set[int]] = field(default_factory=dict)
    """Numbers of the frames that the live run had placed."""
    batches: dict[Key, int] = field(default_factory=dict)
    first: dict[Key, int] = field(default_factory=dict)
    """On how many frames the reading was found."""
    done: set[Key] = field(default_factory=set)
    """What the live run had ended."""
    swaps: list[dict[str, Any]] = field(default_factory=list)
    """The models that replaced another, in order."""
    swaps_before_mend: dict[Key, int] = field(default_factory=dict)
    """How many of them had when the last mend placed everything anew."""
    cuts: dict[int, list[NDArray[np.bool_]]] = field(default_factory=dict)
    """By series, for every cut: which numbers (n,) went before."""

    def hear(self, said: Said) -> None:
        """Note what was said after the settings."""
        if said.what.startswith(_CUT):
            gone = np.unpackbits(said.value, bitorder="little").view(np.bool_)
            self.cuts.setdefault(int(said.what.removeprefix(_CUT)), []).append(gone)
        elif said.what == "mend":
            steps, key = Orientation.parse(said.value["orientation"]), key_of(said.value)
            self.mends.setdefault(key, []).append(steps)
            self.swaps_before_mend[key] = len(self.swaps)
        elif said.what == "model":
            self.swaps.append(said.value)
        elif said.what == "reading":
            self.first[key_of(said.value)] = int(said.value["frames"])
        elif said.what == "done":
            self.done.add(key_of(said.value))

    def part_of(self, series: int, number: int) -> Key:
        """To which part a frame belongs."""
        cuts = self.cuts.get(series, [])
        before = (k for k, gone in enumerate(cuts, 1) if number < len(gone) and gone[number])
        return series, next(before, len(cuts) + 1)

    def is_last(self, key: Key) -> bool:
        """Whether no other part of its series follows."""
        return key[1] > len(self.cuts.get(key[0], []))


def read_head(reader: CaptureReader) -> CaptureHead:
    """All of a capture but its messages. Raises `ScanError` when its beginning is missing."""
    said: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    head: CaptureHead | None = None
    for record in reader:
        if isinstance(record, Said):
            if head is None:
                target = arrays if record.what.startswith("settings.") else said
                target[record.what.removeprefix("settings.")] = record.value
                if "settings" in said and "sources" in said:
                    settings = LiveSettings.from_record(said["settings"], arrays)
                    head = CaptureHead(settings, [CapturedSource(**each) for each in said["sources"]])
            else:
                head.hear(record)
        elif isinstance(record, CapturedBatch) and head is not None:
            key = record.series, record.part
            head.placed.setdefault(key, set()).update(record.numbers.tolist())
            head.batches[key] = head.batches.get(key, 0) + 1
    if head is None:
        raise ScanError(f"{reader.path} ends before its settings: nothing had been received")
    return head


def key_of(told: dict[str, Any]) -> Key:
    """Of which series and part something is said."""
    return told["series"], told.get("part", 1)
