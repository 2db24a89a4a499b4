"""Curves as SVG text, for pages that must stand alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE = 560, 300, 64, 40, 26
_INKS = ("#1f6f8b", "#c2571a", "#5b8c3a", "#7a4f9a")


@dataclass(frozen=True)
class Curve:
    """Points of a curve, in the order they are joined."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def plot(curves: Sequence[Curve], *, title: str, x_label: str, log_y: bool = False) -> str:
    """An SVG of `curves`; points that are not finite, or not positive on a logarithmic axis, are left out."""
    points = [
        [(x, y) for x, y in zip(c.x, c.y, strict=True) if math.isfinite(y) and (y > 0 or not log_y)]
        for c in curves
    ]
    flat = [point for line in points for point in line]
    if not flat:
        return f"<p>{escape(title)}: nothing to show</p>"
    xs, ys = _axis([x for x, _ in flat], False), _axis([y for _, y in flat], log_y)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" xmlns="http://www.w3.org/2000/svg">']
    parts.append(_text(_LEFT, 16, title, weight="bold"))
    parts.append(_text((_WIDTH + _LEFT) / 2, _HEIGHT - 6, x_label, anchor="middle"))
    parts += [_tick_x(xs, value) for value in xs.ticks] + [_tick_y(ys, value) for value in ys.ticks]
    for k, (curve, line) in enumerate(zip(curves, points, strict=True)):
        ink = _INKS[k % len(_INKS)]
        path = " ".join(f"{_x(xs, x):.1f},{_y(ys, y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
        parts.append(_text(_WIDTH - 8, _ABOVE + 16 + 18 * k, curve.name, anchor="end", ink=ink))
    return "".join(parts) + "</svg>"


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    log: bool
    ticks: list[float]

    def part(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _axis(values: list[float], log: bool) -> _Axis:
    low, high = min(values), max(values)
    if log:
        low, high = low / 1.05, high * 1.05
        ticks = [low * (high / low) ** (k / 4) for k in range(5)]
    else:
        high = high if high > low else low + 1.0
        ticks = [low + (high - low) * k / 4 for k in range(5)]
    return _Axis(low, high, log, ticks)


def _x(axis: _Axis, value: float) -> float:
    return _LEFT + axis.part(value) * (_WIDTH - _LEFT - 12)


def _y(axis: _Axis, value: float) -> float:
    return _HEIGHT - _BELOW - axis.part(value) * (_HEIGHT - _BELOW - _ABOVE)


def _tick_x(axis: _Axis, value: float) -> str:
    return _text(_x(axis, value), _HEIGHT - _BELOW + 16, f"{value:.3g}", anchor="middle", size=11)


def _tick_y(axis: _Axis, value: float) -> str:
    y = _y(axis, value)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dce2"/>'
    return line + _text(_LEFT - 6, y + 4, f"{value:.3g}", anchor="end", size=11)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    size: int = 13,
    ink: str = "#222",
) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{ink}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style} font-family="sans-serif">{escape(text)}</text>'
