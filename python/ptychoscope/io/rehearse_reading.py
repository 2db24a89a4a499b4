"""Reading foreign HDF5 first in a child: what is small, all indexes of chunks, the first and last frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ptychoscope.errors import ScanError
from ptychoscope.io.look_in_child import look_in_child
from ptychoscope.io.named_parts import beside
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.scan_formats import is_hdf5
from ptychoscope.io.scan_from_several_files import read_parts
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.lazy_patterns import LazyPatterns, PatternFile

if TYPE_CHECKING:
    import h5py


def read_rehearsed(path: Path, options: ReadOptions) -> StoredScan:
    """What `path` and the files that `options` name hold of a scan; HDF5 is looked at in a child first."""
    if any(_is_hdf5(place, path) for place in (str(path), options.get("patterns"), options.get("positions"))):
        plain = {name: value for name, value in options.items() if isinstance(value, (str, int, float))}
        if options.get("positions") and not _is_hdf5(options.get("positions"), path):
            plain.pop("positions")  # a table, from which nothing is to be feared
        arguments = {"path": str(path), "options": plain}
        look_in_child("ptychoscope.io.rehearse_reading:rehearse", arguments, str(path))
    return read_parts(path, options)


def rehearse(path: str, options: dict[str, Any]) -> None:
    """In the child: read as `read_parts` does, then walk and read what would be read later."""
    stored = read_parts(Path(path), cast(ReadOptions, options))
    if not isinstance(stored.patterns, LazyPatterns):
        return
    for part in _files(stored.patterns.file):
        for dataset in getattr(getattr(part, "file", None), "checked", ()):
            walk_chunks(dataset)
        last = part.shape[0] - 1
        for frame in {0, last} if last >= 0 else ():
            part.read(slice(frame, frame + 1))


def _is_hdf5(place: str | None, scan: Path) -> bool:
    """Whether `place` names something in HDF5, or is such a file."""
    if place is None:
        return False
    if ":/" in place or (place.startswith("/") and not Path(place).exists()):
        return True
    file = beside(place, scan)
    return file.is_file() and is_hdf5(file)


def _files(patterns: PatternFile) -> Iterator[PatternFile]:
    """What patterns are read from, one by one."""
    yield from getattr(patterns, "parts", (patterns,))


def walk_chunks(dataset: "h5py.Dataset") -> None:
    """Go through the whole index of the chunks of `dataset`; raises `ScanError` for one beyond its file."""
    if not dataset.chunks or dataset.is_virtual:
        return
    end = dataset.file.id.get_filesize()

    def look(chunk: Any) -> None:
        if chunk.byte_offset + chunk.size > end:
            raise ScanError(
                f"{dataset.name} in {dataset.file.filename} has a chunk at {chunk.byte_offset} of "
                f"{chunk.size} bytes, beyond the end of its file: it is cut or damaged, copy it again"
            )

    dataset.id.chunk_iter(look)
