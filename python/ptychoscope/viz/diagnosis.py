"""The picture of a diagnosis: the objects of the scan as given and of the best few mends, side by side."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ptychoscope.viz.overview import phase_panel
from ptychoscope.viz.panels import Panel, draw_panels, limits
from ptychoscope.viz.save_sheet import save_sheet

Named = tuple[str, NDArray[np.complex64], NDArray[np.bool_]]
"""Title, object (H, W), and what of it is covered (H, W)."""

_PANEL_PX = 300


def save_diagnosis_picture(images: Sequence[Named], path: str | os.PathLike[str], *, caption: str) -> None:
    """Write a picture with a column for each of `images`: its amplitude above, its phase below.

    Raises `OutputError` when it cannot be written.
    """
    above, below = [], []
    for title, object_, seen in images:
        cut = _box(seen)
        image, lit = object_[cut], seen[cut]
        amplitude = np.abs(image)
        low, high = limits(amplitude, lit)
        above.append(Panel(title=title, values=amplitude, low=low, high=high, seen=lit))
        below.append(phase_panel(image, lit, lit))
    sheet = draw_panels([*above, *below], columns=len(images), panel_px=_PANEL_PX, caption=caption)
    save_sheet(sheet, path)


def _box(seen: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest rectangle that holds what is covered."""
    if not seen.any():
        return slice(None), slice(None)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
