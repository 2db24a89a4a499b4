"""The canvas of a network's patches under a running scan, which grows as far as the settings allow."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.inference.model import Model
from ptychoscope.live.settings import LiveSettings
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.windows import make_window

_PIXEL_BYTES = 48


def make_canvas(
    model: Model, probe: NDArray[np.complex64] | None, shape: tuple[int, int], settings: LiveSettings
) -> Canvas:
    """An exact canvas for patches of `model`, of `shape` to begin with."""
    stitch = model.config.stitch
    return Canvas(
        shape,
        make_window(stitch.window, model.patch_px, probe),
        stitch.interpolation,
        "exact",
        settings.threads,
        crop_px=stitch.inner_crop_px,
        grow=True,
        max_pixels=max(shape[0] * shape[1], settings.most_bytes // _PIXEL_BYTES),
    )


def canvas_fits(
    canvas: Canvas, places: NDArray[np.float64], reach: int, settings: LiveSettings
) -> NDArray[np.bool_]:
    """(n,) whether there is, or can be, room for what reaches so many pixels from each of `places` (n, 2)."""
    row0, row1, column0, column1 = canvas.extent
    most = settings.most_bytes // _PIXEL_BYTES
    fits = np.asarray(np.isfinite(places).all(axis=1))
    for k in np.flatnonzero(fits):
        y, x = places[k]
        height = max(row1, y + reach) - min(row0, y - reach)
        width = max(column1, x + reach) - min(column0, x - reach)
        fits[k] = 4 * height * width <= most
    return fits
