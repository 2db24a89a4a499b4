"""A growing HDF5 file as a source of events, read by a process of its own that may crash without harm."""

import fcntl
import json
import os
import select
import time
import weakref
from dataclasses import asdict
from typing import Any

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.child_process import end_child, raise_as_ours, said_of_end, start_child
from ptychoscope.live.events import Event
from ptychoscope.live.source import Tap
from ptychoscope.live.swmr.child import HEAD, LENGTH, record
from ptychoscope.live.swmr.decode import Head, decode, message
from ptychoscope.live.swmr.options import SwmrOptions

_READ_BYTES = 1 << 20
_MOST_AT_ONCE, _MOST_BYTES_AT_ONCE = 64, 64 << 20
_LONGEST_BYTES, _MOST_PARTS = 1 << 30, 2
_HUNG_S = 60.0
_F_SETPIPE_SZ = 1031  # of Linux; Python names it from 3.10 on there alone


def connect(address: str, *, tap: Tap | None = None, **options: Any) -> "SwmrSource":
    """Events of what is written to ``FILE:/path``; the file need not be there yet.

    `options` are fields of `SwmrOptions`. Raises `ConfigError` when the address or an option is none.
    """
    return SwmrSource(SwmrOptions.of_address(address, **options), tap)


class SwmrSource:
    """Events of one file; used by one thread."""

    def __init__(self, options: SwmrOptions, tap: Tap | None = None) -> None:
        self._options, self._tap = options, tap
        self.problem: str | None = None
        """Why nothing comes."""
        self._left = bytearray()
        self._over = self._closed = False  # the end of the series has come; nothing more will
        self._child = start_child("ptychoscope.live.swmr.child", buffered=False)
        self._end = weakref.finalize(self, end_child, self._child)
        self._pipe = self._child.stdout.fileno()  # type: ignore[union-attr]
        os.set_blocking(self._pipe, False)
        fcntl.fcntl(self._pipe, _F_SETPIPE_SZ, _READ_BYTES)
        said = json.dumps(asdict(options) | {"file": os.path.abspath(options.file)}).encode()
        self._child.stdin.write(said + b"\n")  # type: ignore[union-attr]
        self._alive_s = time.monotonic()

    def poll(self, timeout_s: float) -> list[Event]:
        """What has come, in order; waits for the first, at most `timeout_s`.

        Raises
        ------
        ScanError
            The file does not hold what was asked for.
        """
        if not self._end.alive:
            raise ConfigError(f"{self._options.file} is not followed any more: open it again")
        events: list[Event] = []
        taken_bytes = 0
        if self._closed and not self._left:
            time.sleep(timeout_s)
            return events
        until_s = time.monotonic() + timeout_s
        while len(events) < _MOST_AT_ONCE and taken_bytes < _MOST_BYTES_AT_ONCE:
            found = self._record()
            if found is None and self._closed:
                break
            if found is None:
                wait_s = 0.0 if events else max(0.0, until_s - time.monotonic())
                if not self._read(wait_s):
                    break
                continue
            kind, parts = found
            if kind == b"M":
                taken_bytes += sum(map(len, parts))
                events += self._events(parts)
            else:
                self._told(kind, parts)
        return events

    def close(self) -> None:
        """Let go of the file; once is enough, more often does no harm."""
        self._end()

    def _read(self, wait_s: float) -> bool:
        """Whether more came within `wait_s`."""
        if not select.select([self._pipe], [], [], wait_s)[0]:
            if time.monotonic() - self._alive_s > _HUNG_S:
                self._lost(f"cannot be read within {_HUNG_S:g} s")
                return True
            return False
        more = os.read(self._pipe, _READ_BYTES)
        self._alive_s = time.monotonic()
        if not more:
            self._closed = True
            if not self._over:
                self._lost(said_of_end(self._child.wait()))
            return True
        self._left += more
        return True

    def _lost(self, how: str) -> None:
        """The follower ended before the file did: say so as messages, which a capture keeps as well."""
        self._over = self._closed = True
        self._child.kill()
        self.problem = f"{self._options.file} {how}: copy or write it again"
        series, self._left = self._options.series, bytearray()
        for parts in (
            message(Head(what="lost", series=series, why=self.problem)),
            message(Head(what="end", series=series, aborted=True)),
        ):
            self._left += b"".join(record(b"M", parts))

    def _record(self) -> tuple[bytes, list[bytes]] | None:
        """The next whole record of what was read."""
        left = self._left
        if len(left) < HEAD.size:
            return None
        kind, count = HEAD.unpack_from(left)
        begin = HEAD.size + count * LENGTH.size
        if count > _MOST_PARTS:
            raise ScanError(f"{self._options.file} is damaged: its follower ran wild; copy or write it again")
        if len(left) < begin:
            return None
        lengths = [LENGTH.unpack_from(left, HEAD.size + k * LENGTH.size)[0] for k in range(count)]
        if sum(lengths) > _LONGEST_BYTES:
            raise ScanError(f"{self._options.file} is damaged: its follower ran wild; copy or write it again")
        if len(left) < begin + sum(lengths):
            return None
        parts = []
        for length in lengths:
            parts.append(bytes(left[begin : begin + length]))
            begin += length
        del left[:begin]
        return kind, parts

    def _told(self, kind: bytes, parts: list[bytes]) -> None:
        if kind == b"P":
            self.problem = parts[0].decode() or None
        elif kind == b"X":
            self._over = self._closed = True
            raise_as_ours(parts[0].decode(), parts[1].decode(), self._options.file, ScanError)

    def _events(self, parts: list[bytes]) -> list[Event]:
        arrived_s = time.monotonic()
        if self._tap is not None:
            self._tap(parts, arrived_s)
        events = decode(parts, arrived_s)
        self._over = self._over or b'"what":"end"' in parts[0]
        return events
