"""How much memory a run may take, and what stays in files for it.

Patterns that are read by ranges, frames of the solver in a scratch file, patches that are not kept: no bit of
an image depends on where frames lie, but the phases of a network's patches are then solved in their order.
"""

import os
import re
import tempfile
from pathlib import Path

from ptychoscope.errors import ConfigError
from ptychoscope.lazy_patterns import LazyPatterns
from ptychoscope.refine.refiner_arguments import Scratch
from ptychoscope.scan import LazyScan, Scan

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TEXT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*$", re.IGNORECASE)
_LEAST = 200 * 10**6
"""Libraries alone take about so much."""


def memory_bytes(text: str | int | None) -> int:
    """Bytes of `2GB`, `500 MB`, `1GiB` or a number; without, half of this machine's memory.

    Raises `ConfigError` for anything else, and for less than the libraries alone take.
    """
    if text is None:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    found = _TEXT.match(str(text))
    if found is None:
        raise ConfigError(f"--memory must be a size such as 2GB, got {text!r}")
    unit = found[2].upper()
    size = int(float(found[1]) * (1024 ** "KMGT".find(unit) * 1024 if found[3] and unit else _UNITS[unit]))
    if size < _LEAST:
        raise ConfigError(f"--memory must be at least 200MB, which the libraries alone take, got {text!r}")
    return size


def held_if_small(scan: Scan, memory: int) -> Scan:
    """`scan` with its patterns in memory where they take at most a quarter of it, else as it is."""
    patterns = scan.patterns
    large = isinstance(patterns, LazyPatterns) and 4 * patterns.nbytes > memory
    return scan.load() if isinstance(scan, LazyScan) and not large else scan


def scratch_for_sweeps(scan: Scan, memory: int) -> Scratch | None:
    """A file for the solver's frames where they would take more than half of `memory`; None: memory."""
    needed = 4 * len(scan) * scan.patch_px**2
    return Scratch(Path(tempfile.gettempdir())) if 2 * needed > memory else None


def keeps_patches(frames: int, patch_px: tuple[int, int], memory: int) -> bool:
    """Whether the patches of all frames together take at most half of `memory`."""
    return 2 * 8 * frames * patch_px[0] * patch_px[1] <= memory
