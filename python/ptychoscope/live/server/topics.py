"""Topics: a thread that computes what somebody watches, once for all viewers, and what each is to be sent.

No viewer has a queue. Each has a note of what it got; when its connection is free, it is sent what is newer
than that. One that does not read is sent nothing, and costs nothing.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ptychoscope.live.server.board import PLANES
from ptychoscope.live.server.link import SessionGoneError
from ptychoscope.live.server.messages import Record
from ptychoscope.live.server.packing import pack, pack_tiles
from ptychoscope.live.server.served_session import ServedSession

TOPICS = ("state", *(f"image:{name}" for name in PLANES), "probe", "path", "frame", "r_factor")
_TURN_S, _LONGEST_S = 0.25, 2.0
"""Between two turns at least, and at most."""
_LOCK_SHARE, _WORK_SHARE, _IDLE_SHARE = 1 / 50, 1 / 256, 1 / 4
"""Parts of the time, at most, for which the image is held, and for which the session's process works for the
page while a series runs and while none does: so that of a hundred frames not even one is late by it."""
_MOST_FRAMES = 8
Sent = dict[str, Any]


@dataclass(eq=False)
class Watch:
    """What one viewer watches, and what it got."""

    topics: frozenset[str] = frozenset()
    frame: int | None = None
    """Its number; None: the newest."""
    began: object = None
    got: dict[str, Any] = field(default_factory=dict)
    """By topic: the version, or how many, or the message itself."""

    def replace(self, topics: frozenset[str], frame: int | None) -> None:
        """Watch these, and no others."""
        kept = topics & self.topics - ({"frame"} if frame != self.frame else set())
        self.got = {topic: version for topic, version in self.got.items() if topic in kept}
        self.topics, self.frame = topics, frame


class Topics:
    """`changed` is called after every turn, by the thread that computes."""

    def __init__(self, served: ServedSession) -> None:
        self._served, self.board = served, served.board
        self.changed: Callable[[], None] = lambda: None
        self.watches: set[Watch] = set()
        self._wake, self._closed = threading.Condition(), False
        self._state, self._frames = b"", dict[int | None, bytes]()
        self._packed: dict[tuple[Any, ...], list[bytes]] = {}
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Compute no more."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join()

    def add(self, watch: Watch) -> None:
        """Another viewer."""
        with self._wake:
            self.watches.add(watch)

    def remove(self, watch: Watch) -> None:
        """One viewer less."""
        with self._wake:
            self.watches.discard(watch)

    def watch(self, watch: Watch, topics: frozenset[str], frame: int | None) -> None:
        """Change what a viewer watches."""
        with self._wake:
            watch.replace(topics, frame)
            self._wake.notify_all()

    # --- computing ------------------------------------------------------------------------------------------
    def _run(self) -> None:
        pause_s = 0.0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed, pause_s)
                self._wake.wait_for(lambda: self._closed or any(w.topics for w in self.watches))
                if self._closed:
                    return
                topics = frozenset().union(*(watch.topics for watch in self.watches))
                frames = {watch.frame for watch in self.watches if "frame" in watch.topics}
            try:
                cost = self._turn(topics, frames)
            except SessionGoneError:
                return
            self.changed()
            share = _WORK_SHARE if cost["running"] else _IDLE_SHARE
            wanted_s = max(_TURN_S, cost["held_s"] / _LOCK_SHARE, cost["work_s"] / share)
            pause_s = min(wanted_s, _LONGEST_S)

    def _turn(self, topics: frozenset[str], frames: set[int | None]) -> dict[str, Any]:
        """Compute what is watched; what it cost the session."""
        asked = sorted(frames, key=lambda n: -1 if n is None else n)[:_MOST_FRAMES]
        found, cost = self.board.turn(sorted(topics), asked)
        if "state" in topics:
            self._state = pack({"topic": "state", **self._served.state()}, [])
        self._frames = {record.header["asked"]: _frame(record) for record in found}
        self._packed = {}
        return cost.header

    # --- sending --------------------------------------------------------------------------------------------
    def news(self, watch: Watch) -> list[bytes]:
        """Parts of what a viewer is to be sent now; taken as sent."""
        board = self.board
        with self._wake:
            topics, frame, got = watch.topics, watch.frame, watch.got
        messages: list[bytes] = []
        state, seen = self._state, self._frames.get(frame)
        for topic, said in (("state", state), ("frame", seen)):
            if topic in topics and said and got.get(topic) != said:
                got[topic] = said
                messages.append(said)
        with board.lock:
            if watch.began is not board.began:
                watch.began = board.began
                for topic in list(got):
                    if topic not in ("state", "frame"):
                        del got[topic]
            for topic in sorted(topics & {f"image:{name}" for name in PLANES}):
                messages += self._tiles(topic, got)
            if "path" in topics:
                messages += self._path(got)
            if "r_factor" in topics:
                messages += self._factors(got)
            if "probe" in topics and board.probe is not None and "probe" not in got:
                got["probe"] = True
                parts = [np.abs(board.probe), np.angle(board.probe)]
                messages.append(pack({"topic": "probe", "shape": board.probe.shape}, parts))
        return messages

    def _tiles(self, topic: str, got: Sent) -> list[bytes]:
        board, since = self.board, got.get(topic)
        if since is not None and since >= board.version:
            return []
        key = (topic, board.began, since, board.version)
        if key not in self._packed:
            plane = board.planes[topic.removeprefix("image:")]  # type: ignore[index]
            tiles = plane.changed(since or 0)
            header = {
                "topic": topic,
                "series": board.series,
                "part": board.part,
                "version": board.version,
                "pixel_size_m": board.pixel_size_m,
                "least_coverage": board.least_coverage,
            }
            whole = since is None
            self._packed[key] = pack_tiles(header, board.box, tiles, whole=whole) if tiles else []
        messages = self._packed[key]
        if messages or since is not None:
            got[topic] = board.version
        return messages

    def _path(self, got: Sent) -> list[bytes]:
        """Places that a viewer does not have."""
        board = self.board
        first, count = got.get("path", 0), len(board.numbers)
        if first >= count:
            return []
        got["path"] = count
        key = ("path", board.began, first, count)
        if key not in self._packed:
            header = {"topic": "path", "series": board.series, "part": board.part, "count": count}
            places = [board.positions_px[first:].astype(np.float32), board.numbers[first:].astype(np.int32)]
            self._packed[key] = [pack(header | {"first": first}, places)]
        return self._packed[key]

    def _factors(self, got: Sent) -> list[bytes]:
        """Those that a viewer does not have, or has otherwise."""
        board = self.board
        had, now = got.get("r_factor", (None, 0)), (board.factors.version, len(board.factors))
        if had == now:
            return []
        got["r_factor"] = now
        key = ("r_factor", board.began, had, now)
        if key not in self._packed:
            header: dict[str, object] = {"topic": "r_factor", "series": board.series, "part": board.part}
            self._packed[key] = board.factors.messages(header, had[0])
        return self._packed[key]


def _frame(record: Record) -> bytes:
    said, arrays = record
    known = {name: said[name] for name in ("number", "position_px", "r_factor")}
    header = {"topic": "frame", **known, "side": arrays[0].shape[-1], "predicted": len(arrays) > 1}
    return pack(header, arrays)


def parse_watch(text: str) -> tuple[frozenset[str], int | None]:
    """Topics and number of a frame of what a viewer says; raises `ValueError` for anything else."""
    said: Any = None
    with suppress(RecursionError):
        said = json.loads(text)
    if not isinstance(said, dict) or not isinstance(said.get("watch"), list):
        raise ValueError('a message must read {"watch": [topics], "frame": number or null}')
    unknown = [topic for topic in said["watch"] if topic not in TOPICS]
    if unknown:
        raise ValueError(f"{str(unknown[0])[:40]!r} is no topic: {', '.join(TOPICS)} are")
    frame = said.get("frame")
    if frame is not None and (type(frame) is not int or not 0 <= frame < 1 << 63):
        raise ValueError("frame must be a number of a frame, or null for the newest")
    return frozenset(said["watch"]), frame
