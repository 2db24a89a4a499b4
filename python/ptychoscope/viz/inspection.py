"""The picture of a scan that was looked into: mean pattern, counts, positions, and what the probe covers."""

import os

import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.atomic import replacing
from ptychoscope.scan import Scan
from ptychoscope.viz.panels import Panel, draw_panels

_HEIGHT, _LONGEST = 240, 400
_CROSS_PX = 4


def save_inspection_picture(
    path: str | os.PathLike[str],
    scan: Scan,
    *,
    mean_pattern: NDArray[np.float64],
    suggested_mask: NDArray[np.bool_],
    centre_px: tuple[float, float],
    caption: str,
) -> None:
    """Write four panels on `scan` as a PNG, whole or not at all.

    Parameters
    ----------
    mean_pattern
        (P, P) mean counts, below 0 where unmeasured.
    suggested_mask
        (P, P) bad pixels that no mask names; grey, as the unmeasured ones are.
    centre_px
        (y, x) of the zero frequency: the white cross; the black one is the middle.
    """
    places = scan.positions_px - scan.positions_px.min(axis=0)
    size, pixel_size_m = places.max(axis=0), scan.pixel_size_m
    scale = max(1.0, float(size.max()) / _LONGEST)
    panels = [
        _pattern(mean_pattern, suggested_mask, centre_px),
        _counts(scan.frame_counts),
        _order(places / scale, None if pixel_size_m is None else pixel_size_m * scale),
        _coverage(places, len(mean_pattern), scan.probe, pixel_size_m),
    ]
    sheet = draw_panels(panels, caption=caption)
    with replacing(path) as partial:
        sheet.save(partial, format="PNG")


def _pattern(mean: NDArray[np.float64], bad: NDArray[np.bool_], centre_px: tuple[float, float]) -> Panel:
    shown = np.log10(np.maximum(mean, 0) + 0.01)
    high = float(shown[mean >= 0].max(initial=-2.0))
    shown[(mean < 0) | bad] = np.nan
    side = len(mean)
    shown = np.kron(shown, np.ones((repeat := max(1, 256 // side),) * 2))
    for (y, x), value in (((side // 2, side // 2), -2.0), (centre_px, high)):
        row, column = (round((axis + 0.5) * repeat - 0.5) for axis in (y, x))
        reach = _CROSS_PX * repeat
        shown[row, max(0, column - reach) : column + reach + 1] = value
        shown[max(0, row - reach) : row + reach + 1, column] = value
    grey = int(bad.sum())
    title = f"Mean pattern, log10 counts{f'; {grey} bad, grey' if grey else ''}; bright cross: centre found"
    return Panel(title=title, values=shown, low=-2, high=max(high, -1.0), colormap="magma")


def _counts(counts: NDArray[np.float64]) -> Panel:
    """A point for each frame, from left to right; the height is its photons."""
    n, top = len(counts), max(float(counts.max(initial=0)), 1.0)
    least = float(counts.min(initial=top))
    low = 0.0 if least < 0.5 * top else 0.9 * least
    image = np.full((_HEIGHT, _LONGEST), np.nan)
    column = np.minimum((np.arange(n) * _LONGEST) // max(n, 1), _LONGEST - 1)
    row = np.clip(((1 - (counts - low) / max(top - low, 1e-30)) * (_HEIGHT - 1)).astype(int), 0, _HEIGHT - 1)
    wide = max(1, _LONGEST // max(n, 1))
    for c, r, value in zip(column, row, counts, strict=True):
        image[max(0, r - 1) : r + 1, c : c + wide] = value
    return Panel(
        title=f"Photons per pattern, frames 0 to {n - 1} from left to right",
        values=image,
        low=low,
        high=top,
        colormap="viridis",
    )


def _order(places: NDArray[np.float64], pixel_size_m: float | None) -> Panel:
    """Positions, coloured by when they were taken."""
    height, width = (int(extent) + 9 for extent in places.max(axis=0, initial=0))
    image = np.full((height, width), np.nan)
    reach = max(1, int(0.25 * np.sqrt(height * width / max(len(places), 1))))
    for k, (y, x) in enumerate(np.rint(places).astype(int) + 4):
        image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = k
    return Panel(
        title="Positions, coloured by the number of the frame",
        values=image,
        low=0,
        high=max(len(places) - 1, 1),
        colormap="viridis",
        pixel_size_m=pixel_size_m,
    )


def _coverage(
    places: NDArray[np.float64], side: int, probe: NDArray[np.complex64] | None, pixel_size_m: float | None
) -> Panel:
    weight = np.ones((side, side)) if probe is None else np.square(np.abs(probe)).sum(axis=0)
    weight = weight / weight.max()
    height, width = (int(extent) + side + 1 for extent in places.max(axis=0, initial=0))
    if height * width > 1 << 24:  # too large to look at: the places alone say enough
        weight, height, width = np.ones((1, 1)), min(height, 4096), min(width, 4096)
    image = np.zeros((height, width))
    for y, x in np.rint(places).astype(int):
        part = image[y : y + len(weight), x : x + len(weight)]
        part += weight[: part.shape[0], : part.shape[1]]
    return Panel(
        title=f"Times that {'windows cover' if probe is None else 'the probe covers'} a pixel",
        values=image,
        low=0,
        high=float(image.max()),
        colormap="viridis",
        pixel_size_m=pixel_size_m,
    )
