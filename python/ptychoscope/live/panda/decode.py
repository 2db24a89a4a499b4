"""Positions from a PandA's messages, JSON in any of three dialects, told apart message by message.

`sampled`: ``msg_type`` start, data, stop; data in ``datasets`` that say their ``starting_sample_number``.
`counted`: the same without it. Samples are numbered by the messages' counter ``frame_number`` from 0, as long
as none is missing; after that nobody can tell, and what comes is `Damaged` until the next start.
`inline`: ``message_type`` series-start, data, series-end; lists by name, ``frame_number`` is that of the
first sample.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.events import Damaged, Event, Positions, PositionsEnd, PositionsStart
from ptychoscope.live.message_checks import MessageError, looks_pickled
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.panda.samples import Incomplete, SamplesToFrames

LONGEST_BYTES = 1 << 22
"""Of a message; at 2 bytes for a number and 32 for a float in memory, one takes at most 64 MiB."""
_MOST_REMEMBERED = 256
_SHOWN = 8
_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _DataSet(msgspec.Struct):
    data: list[float]
    size: _Whole | None = None
    starting_sample_number: _Whole | None = None


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_whole = msgspec.json.Decoder(_Whole)
_list = msgspec.json.Decoder(list[float])
_datasets = msgspec.json.Decoder(dict[str, msgspec.Raw])
_dataset = msgspec.json.Decoder(_DataSet)
_Kind = Literal["start", "data", "stop"]
_KINDS: dict[str, dict[str, _Kind]] = {
    "msg_type": {"start": "start", "data": "data", "stop": "stop"},
    "message_type": {"series-start": "start", "data": "data", "series-end": "stop"},
}


def make_decoder(**options: Any) -> Callable[[Sequence[bytes | memoryview], float], list[Event]]:
    """The decoder of this wire; `options` are fields of `PandaOptions`. Raises `ConfigError`."""
    return PandaDecoder(PandaOptions(**options)).decode


class PandaDecoder:
    """Remembers what lies between messages: the samples of a frame that came in part, and counters."""

    def __init__(self, options: PandaOptions) -> None:
        self._options = options
        self._samples = SamplesToFrames(options.samples_per_frame, options.first_sample)
        self._counted = _Counted()

    def decode(self, parts: Sequence[bytes | memoryview], arrived_s: float) -> list[Event]:
        """What a message says; `Damaged`, with the reason, for one that is none. Raises nothing.

        Parameters
        ----------
        parts
            Of one ZeroMQ message: the JSON, perhaps with a topic before it.
        arrived_s
            By `time.monotonic`.
        """
        try:
            return self._decode(parts, arrived_s)
        except (MessageError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            text = f"no message of a PandA: {str(error)[:300]}"
            return [Damaged(arrived_s=arrived_s, what=text, of_positions=True)]

    def _decode(self, parts: Sequence[bytes | memoryview], arrived_s: float) -> list[Event]:
        if not 1 <= len(parts) <= 2:
            raise MessageError(f"it has {len(parts)} parts, where one is due, or a topic and one")
        text = parts[-1]
        if len(text) > LONGEST_BYTES:
            raise MessageError(f"it has {len(text)} bytes, and at most {LONGEST_BYTES} are taken")
        if looks_pickled(text):
            raise MessageError("it is a pickle, which is never opened: send JSON")
        fields = _fields.decode(text)
        kind = _kind_of(fields)
        if kind == "data":
            first, yx = self._data(fields)
            events: list[Event] = [
                Positions(series=None, first=frame, yx=means, arrived_s=arrived_s)
                for frame, means in _in_a_row(self._samples.put(first, yx))
            ]
            return events + self._damaged(self._samples.overdue(), arrived_s)
        left = self._damaged(self._samples.close(), arrived_s)
        self._counted = _Counted()
        if kind == "stop":
            return [*left, PositionsEnd(arrived_s=arrived_s)]
        return [*left, PositionsStart(arrived_s=arrived_s, facts=_facts(fields))]

    def _data(self, fields: dict[str, msgspec.Raw]) -> tuple[int, NDArray[np.float64]]:
        """Number of the first sample, and samples (k, 2)."""
        counter = _whole.decode(fields["frame_number"]) if "frame_number" in fields else None
        if "datasets" in fields:
            sets = _datasets.decode(fields["datasets"])
            y, x = (_dataset.decode(_named(sets, name)) for name in (self._options.y, self._options.x))
            for name, found in ((self._options.y, y), (self._options.x, x)):
                if found.size is not None and found.size != len(found.data):
                    raise MessageError(f"{name} has {len(found.data)} samples and says {found.size}: cut")
            if y.starting_sample_number != x.starting_sample_number:
                raise MessageError(
                    f"y begins at sample {y.starting_sample_number}, x at {x.starting_sample_number}"
                )
            values, first = (y.data, x.data), y.starting_sample_number
            if first is None:
                first = self._counted.first_of(counter, len(y.data))
        else:
            y_list, x_list = (
                _list.decode(_named(fields, name)) for name in (self._options.y, self._options.x)
            )
            values, first = (y_list, x_list), counter
            if first is None:
                raise MessageError("it says no frame_number, which is that of its first sample")
        if len(values[0]) != len(values[1]):
            raise MessageError(f"y has {len(values[0])} samples, x {len(values[1])}")
        yx = np.array(values, dtype=np.float64).T * np.array(self._options.scale)
        return first, np.ascontiguousarray(yx)

    def _damaged(self, left: list[Incomplete], arrived_s: float) -> list[Event]:
        return [
            Damaged(
                arrived_s=arrived_s,
                what=f"frame {frame} has {samples} of its {self._options.samples_per_frame} samples",
                number=frame,
                of_positions=True,
            )
            for frame, samples in left
        ]


class _Counted:
    """Numbers of samples from a counter of messages: exact while none is missing."""

    def __init__(self) -> None:
        self._next_message, self._next_sample = 0, 0
        self._firsts: dict[int, int] = {}

    def first_of(self, counter: int | None, samples: int) -> int:
        """Number of the first sample of message `counter`; raises `MessageError` when nobody can tell."""
        if counter is None:
            raise MessageError("it says neither starting_sample_number nor frame_number")
        if counter in self._firsts:
            return self._firsts[counter]
        if counter != self._next_message:
            raise MessageError(
                f"message {counter} came where {self._next_message} was due: without "
                "starting_sample_number its samples have no numbers, until the next start"
            )
        first = self._firsts[counter] = self._next_sample
        if len(self._firsts) > _MOST_REMEMBERED:
            del self._firsts[next(iter(self._firsts))]
        self._next_message, self._next_sample = counter + 1, first + samples
        return first


def _kind_of(fields: dict[str, msgspec.Raw]) -> _Kind:
    for key, kinds in _KINDS.items():
        if key in fields:
            word = _text.decode(fields[key])
            if word not in kinds:
                raise MessageError(f"{key} is {word[:40]!r}, which is none of {', '.join(kinds)}")
            return kinds[word]
    raise MessageError(f"it has neither {' nor '.join(_KINDS)}")


def _named(fields: dict[str, msgspec.Raw], name: str) -> msgspec.Raw:
    bare = name.lstrip("/")
    for spelt in (name, bare, f"/{bare}"):
        if spelt in fields:
            return fields[spelt]
    there = ", ".join(key[:60] for key in list(fields)[:_SHOWN])
    raise MessageError(f"it has no {name[:60]}: it has {there or 'nothing'}; y=NAME and x=NAME say which")


def _facts(fields: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Text and numbers that came with the start."""
    found = {name: msgspec.json.decode(raw) for name, raw in list(fields.items())[:64]}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _in_a_row(found: list[tuple[int, NDArray[np.float64]]]) -> list[tuple[int, NDArray[np.float64]]]:
    """Frames that follow each other as one array."""
    rows: list[tuple[int, NDArray[np.float64]]] = []
    for frame, means in found:
        if rows and rows[-1][0] + len(rows[-1][1]) == frame:
            first, before = rows.pop()
            rows.append((first, np.concatenate([before, means])))
        else:
            rows.append((frame, means))
    return rows
