"""The picture of a reconstruction: amplitude, phase, coverage and spread."""

import os

import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.atomic import replacing
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.viz.panels import Panel, figure, limits

_CYCLIC_FROM_RAD = 5.0
"""A wider range of phase is shown on the full circle."""


def save_picture(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write the four panels as a PNG; raises `OutputError`."""
    sheet = figure(panels(result), caption=_caption(result))
    with replacing(path) as partial:
        sheet.save(partial, format="PNG", optimize=True)


def panels(result: Reconstruction) -> list[Panel]:
    """Amplitude, phase, coverage and spread; ranges are those of the pixels that are well covered.

    The phase is shown relative to its mean, weighted by the coverage: no diffraction pattern tells it.
    """
    seen = result.coverage > 0
    well = seen & (result.coverage >= 0.5 * _median(result.coverage[seen]))
    amplitude = np.abs(result.object)
    coverage = result.coverage / (_median(result.coverage[seen]) or 1.0)
    low, high = limits(amplitude, well)
    top = limits(coverage, seen)[1]
    doubt = limits(result.spread, well)[1]
    return [
        Panel(title="Amplitude", values=amplitude, low=low, high=high, colours="grey", seen=seen),
        phase_panel(result.object, well, seen),
        Panel(
            title="Coverage (1 = median)", values=coverage, low=0, high=top, colours="sequential", seen=seen
        ),
        Panel(title="Spread of patches", values=result.spread, low=0, high=doubt, colours="heat", seen=seen),
    ]


def phase_panel(
    object_: NDArray[np.complex64],
    well: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    title: str = "Phase (rad)",
) -> Panel:
    """The phase about its mean over `well`: diverging colours, or cyclic ones when it goes round."""
    total = complex(object_[well].sum()) if well.any() else 1.0
    phase = np.angle(object_ * np.exp(-1j * np.angle(total)))
    low, high = limits(phase, well)
    if high - low > _CYCLIC_FROM_RAD:
        return Panel(title=title, values=phase, low=-np.pi, high=np.pi, colours="cyclic", seen=seen)
    reach = max(-low, high) or 1.0
    return Panel(title=title, values=phase, low=-reach, high=reach, colours="diverging", seen=seen)


def _median(values: NDArray[np.floating]) -> float:
    return float(np.median(values)) if values.size else 0.0


def _caption(result: Reconstruction) -> str:
    height, width = result.object.shape
    size = result.pixel_size_m
    scale = "pixel size not known" if size is None else f"{size * 1e9:.3g} nm per pixel"
    return (
        f"{height} x {width} px (rows x columns), {scale}, {len(result.positions_px)} patterns, "
        f"first pixel at y {result.origin_px[0]}, x {result.origin_px[1]} px"
    )
