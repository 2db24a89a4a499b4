"""Patches per second on the CPU, beside the loop that one writes first, torch and pty-chi, and the share of
the speed at which memory can be read; and how long a few patches take to reach the picture of a running scan.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ptychoscope import _core
from ptychoscope.bench.peer_ptychi import stitch_seconds
from ptychoscope.bench.peer_stitchers import NUMBA, peer_tasks
from ptychoscope.bench.raster_patches import Raster, raster_scan, values_of
from ptychoscope.bench.timing import cpu_seconds
from ptychoscope.errors import ConfigError
from ptychoscope.patch_geometry import patch_corner
from ptychoscope.stitch.canvas import Canvas

MAX_BYTES = 2**31
CACHE_BYTES = 2**27
"""More than the caches of one core hold."""
MAX_PEER_PIXELS = 2**24
"""Peers but numba take seconds where a canvas takes milliseconds."""
NAIVE = "naive C++"
LIVE_BATCH = 8


class Mode(NamedTuple):
    """One way to stitch."""

    name: str
    values: str = "real_imag"
    windowed: bool = True
    interpolation: str = "bilinear"
    accumulate: str = "float32"
    spread: bool = False
    coverage: bool = True
    offset_bytes: int = 0
    """From a cache line to the first patch."""

    @property
    def pixel_bytes(self) -> int:
        """Of a patch, as it lies in memory."""
        return 4 if self.values == "float16" else 8


MODES = [
    Mode("real_imag"),
    Mode("real_imag, unaligned", offset_bytes=16),
    Mode("real_imag, no window", windowed=False),
    Mode("real_imag, no window, sum alone", windowed=False, coverage=False),
    Mode("complex64", "complex"),
    Mode("float16", "float16"),
    Mode("amplitude_phase", "amplitude_phase"),
    Mode("nearest", interpolation="nearest"),
    Mode("cubic", interpolation="cubic"),
    Mode("lanczos3", interpolation="lanczos3"),
    Mode("float64", accumulate="float64"),
    Mode("exact", accumulate="exact"),
    Mode("spread", spread=True),
    Mode("exact, spread", accumulate="exact", spread=True),
]


def measure(
    side_px: int,
    n: int,
    canvas_px: int,
    *,
    threads: int,
    rounds: int,
    peers: bool,
    peer: Path | None,
    bandwidth: float,
) -> list[dict[str, Any]]:
    """Rows of one size: every mode beside the naive loop, the first mode beside the peers as well.

    Patches come from memory, which the floor is about: caches are emptied before every turn.

    Raises
    ------
    ConfigError
        The patches need more memory than 2 GB, the canvas is too small, or pty-chi failed.
    """
    if side_px**2 * n * 8 > MAX_BYTES or canvas_px < side_px + 16:
        raise ConfigError(
            f"{n} patches of {side_px} pixels on a canvas of {canvas_px} pixels: "
            f"more than {MAX_BYTES} bytes, or a canvas too small"
        )
    scan = raster_scan(side_px, n, canvas_px)
    tasks = {mode.name: _complete(mode, scan, canvas_px, threads) for mode in MODES}
    corners = patch_corner(scan.positions, scan.window.shape)
    patches = values_of(scan, "complex")
    others: dict[str, Callable[[], object]] = {
        NAIVE: lambda: _core.naive_stitch(patches, scan.window, corners, canvas_px, canvas_px)
    }
    slow = side_px**2 * n > MAX_PEER_PIXELS
    if peers:
        found = peer_tasks(patches, scan.window, scan.positions, canvas_px)
        others |= {name: task for name, task in found.items() if name == NUMBA or not slow}
    unrelated = np.ones(CACHE_BYTES, np.uint8)  # read alone: caches are left with nothing to write back
    spent = cpu_seconds(tasks | others, rounds=rounds, before=unrelated.max)
    if peer is not None and not slow:
        spent |= stitch_seconds(peer, patches, scan.window, scan.positions, canvas_px, min(rounds, 3))
    pairs = [(mode, NAIVE) for mode in MODES]
    pairs += [(MODES[0], name) for name in sorted(spent.keys() - tasks.keys() - {NAIVE})]
    return [
        {
            "mode": mode.name,
            "isa": _core.active_isa(),
            "threads": threads,
            "patch_px": side_px,
            "n": n,
            "canvas_px": canvas_px,
            "caches": "cold",
            "patches_per_s": n / spent[mode.name],
            "floor_fraction": mode.pixel_bytes * side_px**2 * n / spent[mode.name] / bandwidth,
            "baseline": baseline,
            "baseline_patches_per_s": n / spent[baseline],
            "ratio": spent[baseline] / spent[mode.name],
        }
        for mode, baseline in pairs
    ]


def _complete(mode: Mode, scan: Raster, canvas_px: int, threads: int) -> Callable[[], object]:
    """Zero, add all, read."""
    canvas = Canvas(
        (canvas_px, canvas_px),
        scan.window if mode.windowed else None,
        mode.interpolation,  # type: ignore[arg-type]
        mode.accumulate,  # type: ignore[arg-type]
        threads,
        spread=mode.spread,
        coverage=mode.coverage,
    )
    patches = values_of(scan, mode.values, offset_bytes=mode.offset_bytes)
    values: Any = "real_imag" if mode.values == "float16" else mode.values
    read = canvas.image if mode.coverage else canvas.sum

    def run() -> None:
        canvas.reset()
        canvas.add(patches, scan.positions, values=values)
        read()

    return run


def live_microseconds(canvas_px: int, *, side_px: int = 64, batches: int = 400) -> dict[str, Any]:
    """Wall microseconds to add a batch of patches and read back what changed, median and 99th percentile."""
    scan = raster_scan(side_px, LIVE_BATCH * batches, canvas_px)
    canvas = Canvas((canvas_px, canvas_px), scan.window, spread=False)
    canvas.image()
    times = np.empty(batches)
    for k in range(batches):
        part = slice(k * LIVE_BATCH, (k + 1) * LIVE_BATCH)
        patches, positions = scan.planes[part], scan.positions[part]
        patches.sum()  # fresh from the network: in a cache
        began = time.perf_counter()
        canvas.add(patches, positions, values="real_imag")
        canvas.image(canvas.take_dirty())
        times[k] = (time.perf_counter() - began) * 1e6
    return {
        "canvas_px": canvas_px,
        "patch_px": side_px,
        "batch": LIVE_BATCH,
        "median_us": float(np.median(times)),
        "p99_us": float(np.percentile(times, 99)),
    }


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """Make new canvases use an instruction set."""
    before = os.environ.get("PTYCHOSCOPE_ISA")
    os.environ["PTYCHOSCOPE_ISA"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["PTYCHOSCOPE_ISA"]
        else:
            os.environ["PTYCHOSCOPE_ISA"] = before
