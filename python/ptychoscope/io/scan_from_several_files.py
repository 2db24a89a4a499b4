"""A scan whose parts lie in several files: patterns in one, positions, probe and geometry in another."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io.named_parts import beside, named_patterns, with_named_parts
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.scan_formats import is_known, is_table, read_stored
from ptychoscope.io.stored_scan import StoredScan


def read_parts(path: Path, options: ReadOptions) -> StoredScan:
    """What the file `path` holds, with the patterns and positions that were named in place of its own."""
    stored = _with_patterns(path, options)
    place = options.get("positions")
    if place is None or _is_inside(place):
        return with_named_parts(stored, path, options)
    file = beside(place, path)
    if is_table(file):
        return with_named_parts(stored, path, options)
    other = read_stored(file, options)
    if other.positions is None:
        raise ScanError(f"{file} {other.without_positions}")
    return stored.with_parts_of(other, file.name)


def _with_patterns(path: Path, options: ReadOptions) -> StoredScan:
    """The scan's own file, and the patterns that were named."""
    place = options.get("patterns")
    if place is None:
        return read_stored(path, options)
    if _is_inside(place):
        named = named_patterns(path, options)
    else:  # no other positions than those that go with the scan are looked for
        named = read_stored(beside(place, path), {**options, "positions": str(path)})
    own = _own(path, options)
    if own is None:
        return named
    return replace(
        named.with_parts_of(own, path.name),
        source=own.source,
        bad_pixels=_mask(named, own),
        record=own.record | named.record | {"patterns": place},
        without_positions=own.without_positions,
    )


def _own(path: Path, options: ReadOptions) -> StoredScan | None:
    """The parts besides patterns of a file whose layout is known; None of another file."""
    if not path.is_file() or not is_known(path, options):
        return None
    try:
        return read_stored(path, options)
    except ScanError as error:
        warnings.warn(
            f"of {path} only what was named is read, because the rest cannot be: {error}",
            ScanWarning,
            stacklevel=2,
        )
        return None


def _mask(named: StoredScan, own: StoredScan) -> NDArray[Any] | None:
    """The mask that belongs to the patterns."""
    if named.bad_pixels is not None or own.bad_pixels is None or named.patterns is None:
        return named.bad_pixels
    return own.bad_pixels if own.bad_pixels.shape == named.patterns.shape[1:] else None


def _is_inside(place: str) -> bool:
    """Whether `place` is FILE:/path, or /path of the scan's own file."""
    return ":/" in place or (place.startswith("/") and not Path(place).exists())
