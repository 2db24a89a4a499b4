"""EventLog: what happens, as a line of JSON each, with its time: for log collectors and for later."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ptychoscope.errors import OutputError


class EventLog:
    """Appends to a file; each line is in the file when the call returns. Raises `OutputError`."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise OutputError(f"--log {path} cannot be written: {error}") from error

    def __call__(self, event: dict[str, Any]) -> None:
        """Write an event: `time` (UTC), `event`, and its fields."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **event})
        try:
            with self._lock:
                self._file.write(line + "\n")
        except OSError as error:
            raise OutputError(f"--log {self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Write no more."""
        self._file.close()
