"""Images side by side, each with a title, a color bar and, where the pixel size is known, a scale bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ptychoscope.option_literals import ColorMap
from ptychoscope.viz.colormaps import apply_colormap, color_table

NOTHING = (164, 168, 173)
"""The grey where there is nothing to show: far from every color of the maps but `gray`."""
_INK, _PAPER, _RIM, _FAINT = (30, 34, 40), (255, 255, 255), (150, 154, 160), (110, 114, 120)
_GAP, _TITLE, _BAR, _NUMBERS = 24, 28, 14, 62
_FONT_PX = 17
_SCALE_BAR_PART = 0.35
"""The scale bar is at most this part of the image's width."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One image and how it is shown."""

    title: str
    values: NDArray[np.floating]
    """(H, W); nothing is shown where a value is NaN."""
    low: float
    high: float
    """Values at the ends of the color bar."""
    colormap: ColorMap = "gray"
    seen: NDArray[np.bool_] | None = None
    """(H, W), False where there is nothing to show."""
    scale_bar: bool = False
    """Whether a bar shows a round length."""
    pixel_size_m: float | None = None
    """Side of a pixel in metres; None when it is not known: the scale bar counts pixels."""


def draw_panels(
    panels: Sequence[Panel], *, columns: int = 2, panel_px: int = 520, caption: str = "", foot: str = ""
) -> Image.Image:
    """Draw panels in rows.

    Parameters
    ----------
    panels
        At least one.
    columns
        Panels in a row.
    panel_px
        Pixels of the longer side of an image, at most.
    caption
        Lines of text below.
    foot
        One small line at the bottom: where the picture comes from.

    Returns
    -------
    PIL.Image.Image
        The sheet, RGB.
    """
    font = ImageFont.load_default(_FONT_PX)
    images = [_image(panel, panel_px) for panel in panels]
    titles = max(font.getlength(panel.title) for panel in panels)
    width = max(max(i.width for i in images) + 8 + _BAR + _NUMBERS, math.ceil(titles) + _GAP)
    columns = min(columns, len(panels))
    rows = [images[k : k + columns] for k in range(0, len(images), columns)]
    tops = np.cumsum([0, *(max(i.height for i in row) + _TITLE + _GAP for row in rows)])
    lines = _lines(caption, foot)
    below = (len(lines) + 1) * _FONT_PX if lines else 0
    longest = max((math.ceil(line.font.getlength(line.text)) for line in lines), default=0)
    across = max(columns * width, longest + _GAP) + _GAP
    sheet = Image.new("RGB", (across, int(tops[-1]) + _GAP // 2 + below), _PAPER)
    for index, (panel, image) in enumerate(zip(panels, images, strict=True)):
        row, column = divmod(index, columns)
        _place(sheet, panel, image, (_GAP + column * width, _GAP // 2 + int(tops[row])))
    for index, line in enumerate(lines):
        place = (_GAP, sheet.height - below + index * _FONT_PX + line.drop)
        ImageDraw.Draw(sheet).text(place, line.text, fill=line.ink, font=line.font)
    return sheet


class _Line(NamedTuple):
    text: str
    font: "ImageFont.FreeTypeFont | ImageFont.ImageFont"
    ink: tuple[int, int, int]
    drop: int
    """Pixels below its place."""


def _lines(caption: str, foot: str) -> list[_Line]:
    """The text below the panels."""
    normal, small = (ImageFont.load_default(_FONT_PX - less) for less in (2, 5))
    lines = [_Line(text, normal, _INK, 0) for text in caption.splitlines()]
    return [*lines, *(_Line(text, small, _FAINT, _FONT_PX // 3) for text in foot.splitlines())]


def limits(values: NDArray[np.floating], seen: NDArray[np.bool_], tail: float = 0.5) -> tuple[float, float]:
    """The range of the seen values without `tail` percent at each end; (0, 1) when nothing is seen."""
    chosen = values[seen & np.isfinite(values)]
    if chosen.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(chosen, [tail, 100 - tail])
    return float(low), float(high)


def _image(panel: Panel, longest_px: int) -> Image.Image:
    """The panel's colors: enlarged by a whole factor without smoothing, or reduced by averaging."""
    pixels = apply_colormap(panel.values, panel.low, panel.high, panel.colormap)
    shown = ~np.isnan(panel.values) if panel.seen is None else panel.seen & ~np.isnan(panel.values)
    pixels[~shown] = NOTHING
    image = Image.fromarray(pixels)
    longest = max(image.size)
    if longest > longest_px:
        scale, how = longest_px / longest, Image.Resampling.BOX
    else:
        scale, how = longest_px // longest, Image.Resampling.NEAREST
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), how)
    if panel.scale_bar:
        _draw_scale_bar(image, panel)
    return image


def _draw_scale_bar(image: Image.Image, panel: Panel) -> None:
    """A bar of a round length on a dark box at the lower left, where there is room for its text."""
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_FONT_PX - 2)
    known, pixels = panel.pixel_size_m, panel.values.shape[1] / image.width
    unit = pixels if known is None else pixels * known
    length = _round_down(_SCALE_BAR_PART * image.width * unit)
    if known is None and length < 1:
        return
    text, bar = f"{length:.0f} px" if known is None else _length_text(length), length / unit
    wide, high = max(bar, font.getlength(text)) + 16, _FONT_PX + 18
    if wide + 16 > image.width or high + 16 > image.height:
        return
    left, top = 8, image.height - high - 8
    draw.rectangle((left, top, left + wide, top + high), fill=_INK)
    middle = left + wide / 2
    draw.text((middle, top + 4), text, fill=_PAPER, font=font, anchor="mt")
    start = round(middle - bar / 2)
    draw.rectangle((start, top + high - 10, start + round(bar) - 1, top + high - 6), fill=_PAPER)


def _length_text(length_m: float) -> str:
    """A round length in the largest unit of which it is at least one."""
    units = {"mm": 1e-3, "um": 1e-6, "nm": 1e-9, "pm": 1e-12}  # the font has no Greek letter
    unit = next((name for name, metres in units.items() if length_m > 0.999 * metres), "pm")
    return f"{length_m / units[unit]:.6g} {unit}"


def _place(sheet: Image.Image, panel: Panel, image: Image.Image, corner: tuple[int, int]) -> None:
    """Title, image and color bar with `corner` as their upper left."""
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_PX)
    left, top = corner
    draw.text((left, top), panel.title, fill=_INK, font=font)
    top += _TITLE
    sheet.paste(image, (left, top))
    colors = np.repeat(color_table(panel.colormap)[::-1][:, None], _BAR, axis=1)
    x = left + image.width + 8
    sheet.paste(Image.fromarray(colors).resize((_BAR, image.height), Image.Resampling.BILINEAR), (x, top))
    draw.rectangle((x, top, x + _BAR - 1, top + image.height - 1), outline=_RIM)
    small = ImageFont.load_default(_FONT_PX - 3)
    for value, text in _ticks(panel.low, panel.high):
        part = (value - panel.low) / ((panel.high - panel.low) or 1.0)
        y = top + (image.height - 1) * (1 - part)
        draw.line([(x + _BAR, y), (x + _BAR + 4, y)], fill=_INK)
        draw.text((x + _BAR + 7, y), text, fill=_INK, font=small, anchor="lm")


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Three to eight round numbers between the ends, with as many decimals as tell them apart."""
    if not high > low:
        return [(low, f"{low:.3g}")]
    step = _round_down((high - low) / 3)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    style = ".3g" if max(abs(low), abs(high)) >= 1e5 or decimals > 4 else f".{decimals}f"
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(k * step, f"{k * step:{style}}") for k in range(first, last + 1)]


def end_at_tick(high: int) -> int:
    """The smallest whole number of at least `high` with which a color bar from 0 ends at a number."""
    while high % _round_down(high / 3):
        high += 1
    return high


def _round_down(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a positive value."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return max(factor for factor in (1, 2, 5) if factor * power <= value * (1 + 1e-9)) * power
