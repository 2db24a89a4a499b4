"""What goes wrong on a wire, done on purpose: frames lost, late, twice, cut, garbage between them, an abort.

Drawn from a seed; what was done is recorded, so that an account of losses can be checked against it.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from heapq import heappop, heappush
from typing import Self

import numpy as np

from ptychoscope.errors import ConfigError
from ptychoscope.live.simulated_series import WireMessage

_LONGEST_GARBAGE = 400
_PICKLE = b"\x80\x04}\x94."


@dataclass(frozen=True, kw_only=True)
class StreamFaults:
    """Chances from 0 to 1 for each frame, none by default; raises `ConfigError` when one cannot be."""

    loss: float = 0.0
    """Is not sent."""
    repeat: float = 0.0
    """Is sent twice."""
    reorder: float = 0.0
    """Is sent after 1 to `span` of those that follow."""
    span: int = 8
    delay: float = 0.0
    """All wait `delay_s` before it."""
    delay_s: float = 0.05
    cut: float = 0.0
    """Its longest part ends too early."""
    garbage: float = 0.0
    """A message that means nothing comes before it."""
    seed: int = 0
    abort_after: int | None = None
    """After so many frames nothing comes, not even the end."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("loss", "repeat", "reorder", "delay", "cut", "garbage"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a chance from 0 to 1, got {getattr(self, name)}")
        if not 1 <= self.span <= 4096 or not 0 <= self.delay_s <= 60 or (self.abort_after or 0) < 0:
            raise ConfigError("span is 1 to 4096 frames, delay_s 0 to 60 s, abort_after 0 frames or more")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Faults of ``loss=0.01,reorder=0.1,seed=3``; raises `ConfigError`."""
        known = {
            entry.name: int if entry.name in ("span", "abort_after", "seed") else float
            for entry in fields(cls)
        }
        values = {}
        for word in filter(None, text.split(",")):
            name, _, value = word.partition("=")
            if name not in known:
                raise ConfigError(f"{name!r} is no fault: {', '.join(known)} are, as in loss=0.01,cut=0.001")
            try:
                values[name] = known[name](value)
            except ValueError as error:
                raise ConfigError(f"{name} must be a number, got {value!r}") from error
        return cls(**values)  # type: ignore[arg-type]


@dataclass
class SentRecord:
    """Numbers of the frames that met each fault, in order, and counts of what has no number."""

    sent: list[int] = field(default_factory=list)
    """Every frame that went out whole, as often as it did."""
    lost: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    garbage: int = 0
    refused: int = 0
    """Messages that the reader did not take in time."""


def with_faults(
    messages: Iterable[WireMessage], faults: StreamFaults, record: SentRecord
) -> Iterator[tuple[float, WireMessage]]:
    """What goes out, each message after the pause in seconds that stands before it; `record` is filled in."""
    rng = np.random.default_rng(faults.seed)
    held: list[tuple[int, int, WireMessage]] = []  # released at a count of frames
    count = 0
    for message in messages:
        if message.kind != "frame":
            while held and message.kind == "end":
                yield from _out(heappop(held)[2], record)
            yield 0.0, message
            continue
        if faults.abort_after is not None and count >= faults.abort_after:
            break
        count += 1
        yield from _met(message, faults, rng, record, held, count)
        while held and held[0][0] <= count:
            yield from _out(heappop(held)[2], record)
    while held:
        yield from _out(heappop(held)[2], record)


def paced(
    messages: Iterable[WireMessage],
    faults: StreamFaults,
    record: SentRecord,
    *,
    rate_hz: float | None,
    stop: threading.Event,
) -> Iterator[WireMessage]:
    """As `with_faults`, each message when it is due: `rate_hz` frames a second, None as fast as they are
    taken; until `stop` is set. Raises `ConfigError` for a rate that is not positive.
    """
    if rate_hz is not None and not 0 < rate_hz < float("inf"):
        raise ConfigError(f"rate_hz must be a positive number, got {rate_hz}")
    due_s = time.monotonic()
    for pause_s, message in with_faults(messages, faults, record):
        if message.kind == "frame":
            due_s += pause_s + (1 / rate_hz if rate_hz else 0.0)
        wait_s = due_s - time.monotonic()
        if stop.wait(wait_s) if wait_s > 0 else stop.is_set():
            break
        yield message


def _met(
    message: WireMessage,
    faults: StreamFaults,
    rng: np.random.Generator,
    record: SentRecord,
    held: list[tuple[int, int, WireMessage]],
    count: int,
) -> Iterator[tuple[float, WireMessage]]:
    number = message.number or 0
    lost, repeated, late, delayed, cut, garbage = rng.random(6) < (
        faults.loss, faults.repeat, faults.reorder, faults.delay, faults.cut, faults.garbage,
    )  # fmt: skip
    if garbage:
        record.garbage += 1
        yield 0.0, WireMessage("garbage", _garbage(rng))
    if lost:
        record.lost.append(number)
        return
    if cut:
        record.cut.append(number)
        yield 0.0, message._replace(parts=_cut(message.parts, rng))
        return
    if repeated:
        record.repeated.append(number)
        yield from _out(message, record)
    if late:
        record.late.append(number)
        heappush(held, (count + int(rng.integers(1, faults.span + 1)), count, message))
        return
    for _, sent in _out(message, record):
        yield faults.delay_s if delayed else 0.0, sent


def _out(message: WireMessage, record: SentRecord) -> Iterator[tuple[float, WireMessage]]:
    record.sent.append(message.number or 0)
    yield 0.0, message


def _cut(parts: list[bytes], rng: np.random.Generator) -> list[bytes]:
    longest = max(range(len(parts)), key=lambda place: len(parts[place]))
    kept = int(rng.integers(0, max(1, len(parts[longest]))))
    return [part[:kept] if place == longest else part for place, part in enumerate(parts)]


def _garbage(rng: np.random.Generator) -> list[bytes]:
    if rng.random() < 0.2:
        return [_PICKLE]
    return [rng.bytes(int(rng.integers(0, _LONGEST_GARBAGE))) for _ in range(int(rng.integers(1, 5)))]
