"""A folder into which scans are written: a file is taken once it stands still between two looks."""

import time
from collections.abc import Collection
from pathlib import Path

from ptychoscope.errors import ConfigError, ScanError

LOOK_EVERY_S = 2.0
ENDINGS = frozenset({".npz", ".h5", ".hdf5", ".hdf", ".cxi", ".nxs", ".ptyd", ".tif", ".tiff"})


class WatchedFolder:
    """Looks for new scans.

    Parameters
    ----------
    asked
        The folder, or a pattern of names in one, such as `night/*_master.h5`. Without a pattern, all
        names that end as files of scans do; hidden ones never.
    apart
        Files that are no scans, such as those of positions, and scans that were named already.

    Raises
    ------
    ConfigError
        There is no such folder.
    """

    def __init__(self, asked: Path, apart: Collection[Path] = ()) -> None:
        named = not asked.is_dir()
        self._folder, self._pattern = (asked.parent, asked.name) if named else (asked, "*")
        if named and not (set("*?[") & set(asked.name) and self._folder.is_dir()):
            raise ConfigError(
                f"--watch {asked}: there is no such folder; make it, or give a pattern of names in one "
                "that is there, such as 'scans/*_master.h5'"
            )
        self._endings = None if named else ENDINGS
        self._taken = {path.resolve() for path in apart}
        self._before: dict[Path, tuple[int, int]] = {}
        self._next = 0.0

    @property
    def folder(self) -> Path:
        """Where scans come to."""
        return self._folder

    def newcomers(self) -> list[Path]:
        """Scans that are whole since the last look, the oldest first; none until the next look is due.

        Raises `ScanError` where the folder is gone.
        """
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + LOOK_EVERY_S
        now = self._look()
        whole = [path for path, seen in now.items() if self._before.get(path) == seen]
        found = sorted(whole, key=lambda path: (now[path][1], path))
        self._taken.update(path.resolve() for path in found)
        self._before = now
        return found

    def _look(self) -> dict[Path, tuple[int, int]]:
        """Size in bytes and time of change in ns of all files that were not taken; empty ones are begun."""
        if not self._folder.is_dir():
            raise ScanError(f"the folder {self._folder} is gone: mount or make it again, and start again")
        seen = {}
        for path in self._folder.glob(self._pattern):
            if path.name.startswith(".") or path.resolve() in self._taken:
                continue
            if self._endings is not None and path.suffix.lower() not in self._endings:
                continue
            try:
                facts = path.stat()
            except FileNotFoundError:  # renamed or removed since
                continue
            if path.is_file() and facts.st_size:
                seen[path] = (facts.st_size, facts.st_mtime_ns)
        return seen
