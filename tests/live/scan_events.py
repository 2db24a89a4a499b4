"""A source within the process: the events of a scan, in a given order, as decoders would make them."""

import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

import numpy as np

from ptychoscope.live.events import Event, Frame, Positions, SeriesEnd, SeriesStart


class ListedSource:
    """Hands out its events a few at a time; then nothing more."""

    problem = None

    def __init__(self, events: Iterable[Event], *, at_once: int = 5, pause_s: float = 0.0) -> None:
        self._events, self._at_once, self._pause_s = iter(list(events)), at_once, pause_s
        self.closed = False

    def poll(self, timeout_s: float) -> list[Event]:
        events = list(islice(self._events, self._at_once))
        if not events:
            time.sleep(min(timeout_s, 0.01))
        elif self._pause_s:
            time.sleep(self._pause_s)
        return [_now(event) for event in events]

    def close(self) -> None:
        self.closed = True


def _now(event):
    return replace(event, arrived_s=time.monotonic())


def frames_of(scan, series: int = 1, *, positions: bool = True) -> list[Frame]:
    return [
        Frame(
            series=series,
            number=k,
            arrived_s=0.0,
            data=np.ascontiguousarray(pattern).tobytes(),
            shape=pattern.shape,
            dtype=pattern.dtype,
            position=tuple(scan.positions_px[k]) if positions else None,
        )
        for k, pattern in enumerate(scan.patterns)
    ]


def events_of(scan, series: int = 1, *, end: bool = True, positions: bool = True) -> list[Event]:
    """Header, frames (with their positions, or those after every eighth) and end."""
    frames = frames_of(scan, series, positions=positions)
    middle: list[Event] = list(frames)
    if not positions:
        middle = []
        for k in range(0, len(frames), 8):
            part = scan.positions_px[k : k + 8]
            middle += [*frames[k : k + 8], Positions(series=series, first=k, yx=part, arrived_s=0.0)]
    start = SeriesStart(series=series, arrived_s=0.0, frames=len(scan), shape=scan.patterns.shape[1:])
    return [start, *middle, *([SeriesEnd(series=series, arrived_s=0.0)] if end else [])]
