"""Colour maps that are even to the eye: drawn in CIELAB (CIE 1976, D65), with even lightness."""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Colours = Literal["grey", "sequential", "heat", "diverging", "cyclic"]

_ANCHORS: dict[str, tuple[str, ...]] = {
    "grey": ("#000000", "#ffffff"),
    "sequential": ("#1b1044", "#2b4c8c", "#1f8a8a", "#63bf62", "#f4ec6a"),
    "heat": ("#050410", "#4a1269", "#b13063", "#ee7b3a", "#fcf3b4"),
    "diverging": ("#123f7d", "#5f9ccb", "#f3f2ef", "#dd8a63", "#7d1b2c"),
    "cyclic": ("#2f2a5c", "#3f86b5", "#e6e2da", "#c4704c", "#2f2a5c"),
}
_EVEN = ("grey", "sequential", "heat")
"""Maps whose lightness grows evenly from end to end."""

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)
_TO_LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])
_DARK = 6 / 29
"""Below this the cube root of CIELAB is a straight line."""


def paint(values: NDArray[np.floating], low: float, high: float, colours: Colours) -> NDArray[np.uint8]:
    """(H, W) values as (H, W, 3) uint8, `low` to `high` over the map; what lies outside takes its ends."""
    unit = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    steps = np.rint(np.nan_to_num(unit) * 255).astype(np.intp)
    return np.asarray(table(colours)[steps])


@cache
def table(colours: Colours) -> NDArray[np.uint8]:
    """The map as (256, 3) uint8."""
    anchors = np.array([_to_lab(_rgb(text)) for text in _ANCHORS[colours]])
    along = anchors[:, 0] if colours in _EVEN else np.linspace(0, 1, len(anchors))
    at = np.linspace(along[0], along[-1], 256)
    lab = np.stack([np.interp(at, along, anchors[:, k]) for k in range(3)], axis=1)
    return np.rint(np.clip(_from_lab(lab), 0, 1) * 255).astype(np.uint8)


def _rgb(text: str) -> NDArray[np.float64]:
    return np.array([int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)])


def _to_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    t = _TO_XYZ @ linear / _WHITE
    root = np.where(t > _DARK**3, np.cbrt(t), t / (3 * _DARK**2) + 4 / 29)
    return np.asarray(_TO_LAB @ root - np.array([16, 0, 0]))


def _from_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    root = (lab + np.array([16, 0, 0])) @ np.linalg.inv(_TO_LAB).T
    t = np.where(root > _DARK, root**3, 3 * _DARK**2 * (root - 4 / 29))
    linear = np.maximum((t * _WHITE) @ np.linalg.inv(_TO_XYZ).T, 0)
    bright = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, bright))
