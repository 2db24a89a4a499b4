"""Account: what became of every frame and every position, and how long it took.

Two ledgers that must balance. What is received is placed, lost for one cause, or still in hand; when all
series are settled, nothing is in hand. Numbers that a series skipped were never received: lost besides.
"""

from collections import Counter
from threading import Lock
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from ptychoscope.live.events import LostCause
from ptychoscope.live.latency import LatencyHistogram

CAUSES: tuple[LostCause, ...] = get_args(LostCause)
_NOT_RECEIVED: LostCause = "never_arrived"


class _Ledger:
    def __init__(self) -> None:
        self.received = 0
        self.kept = 0
        self.lost: Counter[LostCause] = Counter()

    @property
    def in_hand(self) -> int:
        return self.received - self.kept - self.lost.total() + self.lost[_NOT_RECEIVED]


class Account:
    """Counters that several threads may write and read; every method is short."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._frames, self._positions = _Ledger(), _Ledger()
        self._latency = LatencyHistogram()

    def receive(self, count: int = 1) -> None:
        """So many frames came in, whatever they are."""
        with self._lock:
            self._frames.received += count

    def lose(self, cause: LostCause, count: int = 1) -> None:
        """So many frames will not be placed."""
        with self._lock:
            self._frames.lost[cause] += count

    def place(self, latencies_s: ArrayLike) -> None:
        """Frames are in the image, so many seconds (n,) after each arrived."""
        with self._lock:
            self._frames.kept += np.size(latencies_s)
            self._latency.add(latencies_s)

    def receive_positions(self, count: int) -> None:
        """So many positions came in."""
        with self._lock:
            self._positions.received += count

    def use_positions(self, count: int) -> None:
        """So many positions went with their frames."""
        with self._lock:
            self._positions.kept += count

    def lose_positions(self, cause: LostCause, count: int = 1) -> None:
        """So many positions will place no frame."""
        with self._lock:
            self._positions.lost[cause] += count

    @property
    def received(self) -> int:
        """Frames that came in."""
        return self._frames.received

    @property
    def lost(self) -> dict[LostCause, int]:
        """Frames that will not be in the image, by every cause."""
        with self._lock:
            return {cause: self._frames.lost[cause] for cause in CAUSES}

    @property
    def placed(self) -> int:
        """Frames that are in the image."""
        return self._frames.kept

    @property
    def in_hand(self) -> int:
        """Frames that came in and are neither placed nor lost: they wait, or are being worked on."""
        with self._lock:
            return self._frames.in_hand

    def latency_cumulative(self, edges_s: ArrayLike) -> list[int]:
        """How many frames were placed within each of `edges_s` seconds."""
        with self._lock:
            return self._latency.cumulative(edges_s)

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain numbers, at one moment."""
        with self._lock:
            return {
                "frames": _plain(self._frames, "placed"),
                "positions": _plain(self._positions, "used"),
                "latency": self._latency.snapshot(),
            }


def _plain(ledger: _Ledger, kept: str) -> dict[str, Any]:
    return {
        "received": ledger.received,
        kept: ledger.kept,
        "in_hand": ledger.in_hand,
        "lost": {cause: ledger.lost[cause] for cause in CAUSES},
    }


def balanced(figures: dict[str, Any]) -> bool:
    """Whether every frame that came in is placed, or lost for a cause that is counted.

    `figures` are those of `LiveSession.figures`, or a snapshot of an account.
    """
    return bool(figures["frames"]["in_hand"] == 0)
