"""Library: the results of an output, one a series, by name alone."""

import re
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from ptychoscope.errors import ResultError
from ptychoscope.reconstruction import Reconstruction, least_coverage

_MOST = 500
_OF = re.compile(r"(?:-series(?P<series>\d+))?(?:-part(?P<part>\d+))?$")


class Library:
    """Result files of `output`, of its series and their parts, which lie beside it; None: there are none.

    Names are looked up among those that the folder holds: nothing that a name says leads elsewhere.
    """

    def __init__(self, output: Path | None) -> None:
        self.name = "" if output is None else output.name
        self._output = None if output is None else output.absolute()
        self._lock = Lock()
        self._open: tuple[Path, float, Reconstruction] | None = None
        self._facts: dict[tuple[str, float], dict[str, Any]] = {}

    def entries(self) -> list[dict[str, Any]]:
        """Name, and what is known, of every result, the newest first."""
        found = sorted(self._files(), key=lambda file: -file[1])
        return [self._entry(path, changed) for path, changed in found[:_MOST]]

    def path(self, name: str) -> Path:
        """The file of that name; raises `ResultError` when there is none."""
        for path, _ in self._files():
            if path.name == name:
                return path
        raise ResultError(f"there is no result of the name {name!r}")

    def result(self, name: str) -> Reconstruction:
        """The result of that name; the last one that was asked for stays open. Raises `ResultError`."""
        from ptychoscope.io.results.formats import load_reconstruction

        path = self.path(name)
        changed = path.stat().st_mtime
        with self._lock:
            if self._open is None or self._open[:2] != (path, changed):
                self._open = path, changed, load_reconstruction(path)
            result = self._open[2]
            self._facts[name, changed] = {
                "frames": len(result.positions_px),
                "shape": result.object.shape,
                "origin_px": result.origin_px,
                "pixel_size_m": result.pixel_size_m,
                "least_coverage": least_coverage(result.coverage),
            }
        return result

    def _files(self) -> list[tuple[Path, float]]:
        if self._output is None:
            return []
        found = []
        for path in self._output.parent.iterdir():
            own = path.suffix == self._output.suffix and _OF.sub("", path.stem) == self._output.stem
            if own and path.is_file() and not path.is_symlink():
                with suppress(FileNotFoundError):  # replaced meanwhile
                    found.append((path, path.stat().st_mtime))
        return found

    def _entry(self, path: Path, changed: float) -> dict[str, Any]:
        found = _OF.search(path.stem)
        of = found.groupdict() if found else {}
        series, part = of.get("series"), of.get("part") or 1
        named = {"name": path.name, "series": series and int(series), "part": int(part), "frames": None}
        return named | self._facts.get((path.name, changed), {})
