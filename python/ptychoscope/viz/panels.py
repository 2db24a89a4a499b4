"""Figures made with Pillow alone: panels with a title and a colour bar, side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ptychoscope.viz.colormaps import Colours, paint, table

_INK, _PAPER, _EMPTY, _RIM = (30, 34, 40), (255, 255, 255), (222, 224, 228), (150, 154, 160)
_GAP, _TITLE, _BAR, _NUMBERS = 24, 34, 14, 62
_FONT_PX = 17


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One image of a figure."""

    title: str
    values: NDArray[np.floating]
    """(H, W)"""
    low: float
    high: float
    """Values at the ends of the colour bar."""
    colours: Colours = "grey"
    seen: NDArray[np.bool_] | None = None
    """(H, W), False where there is nothing to show."""


def figure(
    panels: Sequence[Panel], *, columns: int = 2, panel_px: int = 520, caption: str = ""
) -> Image.Image:
    """`panels` in rows of `columns`, each at most `panel_px` on its longer side, and a line of text below."""
    pictures = [_picture(panel, panel_px) for panel in panels]
    width = max(p.width for p in pictures) + _BAR + _NUMBERS + _GAP
    height = max(p.height for p in pictures) + _TITLE + _GAP
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    below = 2 * _FONT_PX if caption else 0
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP // 2 + below), _PAPER)
    for index, (panel, picture) in enumerate(zip(panels, pictures, strict=True)):
        row, column = divmod(index, columns)
        _place(sheet, panel, picture, (_GAP + column * width, _GAP // 2 + row * height))
    if caption:
        corner = (_GAP, sheet.height - below)
        ImageDraw.Draw(sheet).text(corner, caption, fill=_INK, font=ImageFont.load_default(_FONT_PX - 2))
    return sheet


def limits(values: NDArray[np.floating], seen: NDArray[np.bool_], tail: float = 0.5) -> tuple[float, float]:
    """The range of the seen values without `tail` percent at each end; (0, 1) when nothing is seen."""
    chosen = values[seen & np.isfinite(values)]
    if chosen.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(chosen, [tail, 100 - tail])
    return float(low), float(high)


def _picture(panel: Panel, longest_px: int) -> Image.Image:
    """The panel's colours: enlarged by a whole factor without smoothing, or reduced by averaging."""
    pixels = paint(panel.values, panel.low, panel.high, panel.colours)
    if panel.seen is not None:
        pixels[~panel.seen] = _EMPTY
    picture = Image.fromarray(pixels)
    longest = max(picture.size)
    if longest > longest_px:
        scale = longest_px / longest
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.BOX)
    factor = longest_px // longest
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _place(sheet: Image.Image, panel: Panel, picture: Image.Image, corner: tuple[int, int]) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_PX)
    left, top = corner
    draw.text((left, top), panel.title, fill=_INK, font=font)
    top += _TITLE - 6
    sheet.paste(picture, (left, top))
    bar = np.repeat(table(panel.colours)[::-1][:, None], _BAR, axis=1)
    strip = Image.fromarray(bar).resize((_BAR, picture.height), Image.Resampling.BILINEAR)
    x = left + picture.width + 8
    sheet.paste(strip, (x, top))
    draw.rectangle((x, top, x + _BAR - 1, top + picture.height - 1), outline=_RIM)
    small = ImageFont.load_default(_FONT_PX - 3)
    texts = _numbers(panel.low, panel.high)
    for k, text in enumerate(texts):
        y = top + (picture.height - 1) * (1 - k / (len(texts) - 1))
        draw.line([(x + _BAR, y), (x + _BAR + 4, y)], fill=_INK)
        shift = 0.85 * _FONT_PX * (k / (len(texts) - 1) - 1)  # the outermost numbers stay beside the bar
        draw.text((x + _BAR + 7, y + shift), text, fill=_INK, font=small)


def _numbers(low: float, high: float, count: int = 5) -> list[str]:
    """Evenly spaced numbers with as many decimals as tell them apart."""
    step = (high - low) / (count - 1)
    decimals = 0 if step == 0 else max(0, 1 - math.floor(math.log10(abs(step))))
    values = [low + k * step for k in range(count)]
    if max(abs(low), abs(high)) >= 1e4 or decimals > 4:
        return [f"{value:.2g}" for value in values]
    return [f"{value:.{decimals}f}" for value in values]
