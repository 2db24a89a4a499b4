"""How long a few frames take to reach the picture of a running scan."""

import time
from typing import Any

import numpy as np

from ptychoscope.bench.raster_patches import raster_scan
from ptychoscope.stitch.canvas import Canvas

BATCH = 8


def live_microseconds(canvas_px: int, *, side_px: int = 64, batches: int = 400) -> dict[str, Any]:
    """Wall microseconds to add a batch of patches and read back what changed, median and 99th percentile."""
    scan = raster_scan(side_px, BATCH * batches, canvas_px)
    canvas = Canvas((canvas_px, canvas_px), scan.window, spread=False)
    canvas.image()
    times = np.empty(batches)
    for k in range(batches):
        part = slice(k * BATCH, (k + 1) * BATCH)
        patches, positions = scan.planes[part], scan.positions[part]
        patches.sum()  # fresh from the network: in a cache
        began = time.perf_counter()
        canvas.add(patches, positions, values="real_imag")
        region = canvas.take_dirty()
        canvas.image(region)
        times[k] = (time.perf_counter() - began) * 1e6
    return {
        "canvas_px": canvas_px,
        "patch_px": side_px,
        "batch": BATCH,
        "median_us": float(np.median(times)),
        "p99_us": float(np.percentile(times, 99)),
    }
