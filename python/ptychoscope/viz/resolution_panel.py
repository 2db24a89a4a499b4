"""The correlation of two halves of the frames as a curve, both thresholds, and where it falls under them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ptychoscope.metrics.resolution import resolution
from ptychoscope.reconstruction import Reconstruction

_INK, _PAPER, _RIM, _PALE = (30, 34, 40), (255, 255, 255), (150, 154, 160), (226, 228, 231)
_CURVE, _HALF_BIT, _HALF = (33, 102, 172), (178, 24, 43), (120, 124, 130)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 40, 32, 58
_HEIGHT, _FONT_PX = 330, 15
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_LOW = -0.1
"""The correlation at the lower rim: what is below is noise about 0."""


def with_resolution(sheet: Image.Image, result: Reconstruction) -> Image.Image:
    """`sheet` with the curve of `result` below, as wide as the sheet; as it is where there is no curve.

    Parameters
    ----------
    sheet
        RGB.
    result
        The image that the sheet shows; its `halves_frc` is drawn.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    if result.halves_frc is None:
        return sheet
    whole = Image.new("RGB", (sheet.width, sheet.height + _HEIGHT), _PAPER)
    whole.paste(sheet, (0, 0))
    whole.paste(draw_curve(result, sheet.width), (0, sheet.height))
    return whole


def draw_curve(result: Reconstruction, width: int) -> Image.Image:
    """Correlation over spatial frequency of a result with `halves_frc`, `width` pixels wide."""
    assert result.halves_frc is not None  # noqa: S101  (for the type checker)
    frequency, correlation, threshold = result.halves_frc
    image = Image.new("RGB", (width, _HEIGHT), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_FONT_PX)
    right, low = width - _RIGHT, _HEIGHT - _BOTTOM
    _frame(draw, font, right, low, result.pixel_size_m)

    def line(values: NDArray[np.float64], color: tuple[int, int, int], thick: int) -> None:
        x = _LEFT + frequency * (right - _LEFT)
        draw.line(list(zip(x, _rows(values, low), strict=True)), fill=color, width=thick, joint="curve")

    line(np.full_like(frequency, 0.5), _HALF, 1)
    line(threshold, _HALF_BIT, 2)
    line(correlation, _CURVE, 3)
    found = resolution(result)
    if found is not None:
        draw.text((_LEFT, 4), found.sentence(), fill=_INK, font=font)
        for crossing, color in ((found.half_bit, _HALF_BIT), (found.half, _HALF)):
            if crossing < 1:
                x = _LEFT + crossing * (right - _LEFT)
                draw.line([(x, _TOP), (x, low)], fill=color, width=1)
    _legend(draw, font, right)
    return image


def _frame(
    draw: ImageDraw.ImageDraw,
    font: "ImageFont.FreeTypeFont | ImageFont.ImageFont",
    right: int,
    low: int,
    pixel_size_m: float | None,
) -> None:
    """Axes with their numbers and names."""
    for value in _TICKS:
        x, y = _LEFT + value * (right - _LEFT), float(_rows(np.array([value]), low)[0])
        draw.line([(_LEFT, y), (right, y)], fill=_PALE)
        draw.line([(x, _TOP), (x, low)], fill=_PALE)
        draw.text((_LEFT - 8, y), f"{value:.1f}", fill=_INK, font=font, anchor="rm")
        draw.text((x, low + 6), _frequency_text(value, pixel_size_m), fill=_INK, font=font, anchor="mt")
    draw.rectangle((_LEFT, _TOP, right, low), outline=_RIM)
    unit = "1/px" if pixel_size_m is None else "1/nm"
    name = f"Spatial frequency ({unit}), up to Nyquist's"
    draw.text(((_LEFT + right) / 2, low + 30), name, fill=_INK, font=font, anchor="mt")


def _legend(
    draw: ImageDraw.ImageDraw, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", right: int
) -> None:
    names = (("correlation of two halves", _CURVE), ("half-bit threshold", _HALF_BIT), ("1/2", _HALF))
    for row, (name, color) in enumerate(names):
        y = _TOP + 16 + 20 * row
        draw.text((right - 46, y), name, fill=_INK, font=font, anchor="rm")
        draw.line([(right - 38, y), (right - 12, y)], fill=color, width=3)


def _rows(values: NDArray[np.float64], low: int) -> NDArray[np.float64]:
    """Image rows of correlations: 1 at the upper rim."""
    part = (np.clip(values, _LOW, 1) - _LOW) / (1 - _LOW)
    return np.asarray(low - part * (low - _TOP))


def _frequency_text(part: float, pixel_size_m: float | None) -> str:
    """A part of the Nyquist frequency, which is half a cycle a pixel."""
    cycles_px = 0.5 * part
    return f"{cycles_px:.1f}" if pixel_size_m is None else f"{cycles_px / (pixel_size_m * 1e9):.3g}"
