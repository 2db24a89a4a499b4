"""The picture of a reconstruction: amplitude, phase, coverage and spread, and what its verdict found."""

import math
import os
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import ColorMap, PicturePanel, words
from ptychoscope.reconstruction import Reconstruction, least_coverage, phase_about_mean
from ptychoscope.viz.panels import Panel, draw_panels, end_at_tick, limits
from ptychoscope.viz.resolution_panel import with_resolution
from ptychoscope.viz.save_sheet import check_picture_name, save_sheet
from ptychoscope.viz.verdict_panels import verdict_panels

_CYCLIC_FROM_RAD = 5.0
"""A wider range of phase is shown on the full circle."""


def save_picture(
    result: Reconstruction,
    path: str | os.PathLike[str],
    *,
    panels: Sequence[PicturePanel] = (),
    panel_px: int = 520,
    name: str = "",
) -> None:
    """Write the picture of a result, whole or not at all, in the format of the name's ending.

    Parameters
    ----------
    result
        What is shown, with a scale bar.
    path
        The file, .png, .jpg, .jpeg or .pdf; one that exists is replaced.
    panels
        What to show, in this order; without, all that the result has.
    panel_px
        Pixels of the longer side of an image, at most.
    name
        What the foot calls the result when it does not know the name of its scan.

    Raises
    ------
    OutputError
        It cannot be written, or its ending names no format for pictures.
    ConfigError
        A panel is asked for that the result has nothing for.
    """
    check_picture_name(path)
    sheet = draw_panels(
        _chosen(result, panels), panel_px=panel_px, caption=_caption(result), foot=_foot(result, name)
    )
    save_sheet(with_resolution(sheet, result), path)


def _chosen(result: Reconstruction, wanted: Sequence[PicturePanel]) -> list[Panel]:
    """The panels `wanted`, or all there are."""
    seen = result.coverage > 0
    drawn = object_panels(
        result.object, result.coverage, result.spread, seen=seen, pixel_size_m=result.pixel_size_m
    )
    if result.verdict is not None:
        drawn += verdict_panels(result.verdict, result)
    named = dict(zip(words(PicturePanel), drawn, strict=False))
    missing = [panel for panel in wanted if panel not in named]
    if missing:
        raise ConfigError(f"{missing[0]} cannot be drawn: the result has {', '.join(named)}")
    return [named[panel] for panel in wanted or named]


def object_panels(
    object_: NDArray[np.complex64],
    coverage: NDArray[np.float32],
    spread: NDArray[np.float32],
    *,
    seen: NDArray[np.bool_],
    pixel_size_m: float | None = None,
) -> list[Panel]:
    """Amplitude, phase, coverage and spread of an object.

    The ranges of amplitude, phase and spread are those of the pixels with at least half the median coverage.

    Parameters
    ----------
    object_
        (H, W) complex64.
    coverage
        (H, W), how much was measured on a pixel, in any unit.
    spread
        (H, W), standard deviation of the patches on a pixel, in the object's unit.
    seen
        (H, W), False where there is nothing to show.
    pixel_size_m
        Side of a pixel in metres; None when it is not known.

    Returns
    -------
    list of Panel
        Four; the scale bar is in the first, in pixels where their size is not known.
    """
    least = least_coverage(coverage, seen)
    well = seen & (coverage >= least)
    coverage = coverage / (2 * least or 1.0)
    amplitude = np.abs(object_)
    low, high = limits(amplitude, well)
    coverage_limit = end_at_tick(max(2, math.ceil(limits(coverage, seen)[1])))
    spread_limit = limits(spread, well)[1]
    panel = partial(Panel, low=0, seen=seen)
    shown = partial(Panel, title="Amplitude", values=amplitude, low=low, high=high, seen=seen)
    return [
        shown(scale_bar=True, pixel_size_m=pixel_size_m),
        phase_panel(object_, well, seen),
        panel(title="Coverage (1 = median)", values=coverage, high=coverage_limit, colormap="viridis"),
        panel(title="Spread (unit of amplitude)", values=spread, high=spread_limit, colormap="magma"),
    ]


def phase_panel(object_: NDArray[np.complex64], well: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Panel:
    """The phase in rad about its mean, since no diffraction pattern tells the phase of the whole.

    Zero is the middle color of a diverging map, or of a cyclic one when the phase goes round.

    Parameters
    ----------
    object_
        (H, W) complex64.
    well
        (H, W), pixels that the mean and the range are taken from.
    seen
        (H, W), False where there is nothing to show.
    """
    phase = phase_about_mean(object_, well)
    low, high = limits(phase, well)
    cyclic = high - low > _CYCLIC_FROM_RAD
    colormap: ColorMap = "twilight" if cyclic else "RdBu_r"
    reach = math.pi if cyclic else max(-low, high) or 1.0
    return Panel(title="Phase (rad)", values=phase, low=-reach, high=reach, colormap=colormap, seen=seen)


def _foot(result: Reconstruction, name: str) -> str:
    """Which scan, when, by what: as far as the result knows."""
    known = result.provenance
    date = str(known.get("date_utc", "")).replace("T", " ").replace("Z", " UTC")
    version = f"Ptychoscope {known['ptychoscope']}" if "ptychoscope" in known else ""
    return "   ".join(part for part in (str(known.get("scan_file", name)), date, version) if part)


def _caption(result: Reconstruction) -> str:
    height, width = result.object.shape
    size = result.pixel_size_m
    scale = "pixel size not known" if size is None else f"{size * 1e9:.3g} nm per pixel"
    facts = (
        f"{height} x {width} px (rows x columns), {scale}, {len(result.positions_px)} patterns, "
        f"first pixel at y {result.origin_px[0]}, x {result.origin_px[1]} px"
    )
    said = result.sentence()
    return facts if said is None else facts + "\n" + said.replace("; ", "\n")
