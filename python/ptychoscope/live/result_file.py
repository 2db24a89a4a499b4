"""The result file of a running scan: always a whole one, never older than a few seconds.

Every version is written beside the file and renamed to it, so that a process that is killed leaves the last
whole one. Only then is it acknowledged: what the log says is saved, is saved.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptychoscope.errors import OutputError
from ptychoscope.reconstruction import Reconstruction

Say = Callable[[dict[str, Any]], None]
"""Is handed what happens, as plain JSON with a word under `event`."""


class ResultFile:
    """The file of one series.

    Parameters
    ----------
    of
        The series, and its part, which every event names.
    snapshot
        What there is now; called from a thread of its own.
    every_s
        Between two versions, at least.
    """

    def __init__(
        self,
        path: Path,
        of: dict[str, int],
        snapshot: Callable[[], Reconstruction | None],
        say: Say,
        *,
        every_s: float,
    ) -> None:
        self.path, self._of, self._snapshot, self._say = path, of, snapshot, say
        self._every_s, self._wake, self._closed = every_s, threading.Condition(), False
        self._writing = threading.Lock()
        self._problem: OutputError | None = None
        self._saved = -1
        self._thread = threading.Thread(target=self._run, name="result file", daemon=True)
        self._thread.start()

    def save(self) -> bool:
        """Write what there is now, in the caller's thread; False where there is nothing yet.

        Raises `OutputError`.
        """
        result = self._snapshot()
        if result is not None:
            self._write(result)
        return result is not None

    def close(self, result: Reconstruction | None) -> None:
        """Write the last version, if there is one, and write no more. Raises `OutputError`."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join()
        if result is not None:
            self._write(result)
        elif self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed, self._every_s)
                if self._closed:
                    return
            try:
                self.save()
            except OutputError as error:  # said, and tried again: the disk may have room later
                self._problem = error
                self._say({"event": "not saved", "file": str(self.path), "why": str(error)})

    def _write(self, result: Reconstruction) -> None:
        from ptychoscope.io.results.formats import save_reconstruction

        frames = len(result.positions_px)
        with self._writing:
            if frames == self._saved and result.partial:
                return
            save_reconstruction(result, self.path)
            self._saved = frames
        self._say(
            {
                "event": "saved",
                "file": str(self.path),
                **self._of,
                "frames": frames,
                "whole": not result.partial,
            }
        )


def file_of_series(path: Path, series: int, part: int, *, several: bool) -> Path:
    """`path`, with the number of the series where there may be several, and of a part but the first."""
    words = (f"-series{series}" if several else "") + (f"-part{part}" if part > 1 else "")
    return path.with_name(f"{path.stem}{words}{path.suffix}")
