"""Curves as SVG text, for pages that must stand alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ptychoscope.train.report.axes import Axis, linear, logarithmic

WIDTH, HEIGHT = 600, 340
"""Pixels of a drawing."""
_LEFT, _RIGHT, _ABOVE, _BELOW = 74, 16, 48, 50
_INKS = ("#1f6f8b", "#c2571a", "#5b8c3a", "#7a4f9a", "#5a6270", "#b0892b", "#c0396b", "#b9bfc8")
_GRID, _RIM = "#e3e6ea", "#8d949e"


@dataclass(frozen=True)
class Curve:
    """Points in the order they are joined."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    marks: bool = False
    """Show the points."""
    line: bool = True
    """Join them."""
    labels: Sequence[str] = ()
    """Text beside the points."""


def plot(
    curves: Sequence[Curve],
    *,
    title: str,
    x_label: str,
    y_label: str = "",
    log_x: bool = False,
    log_y: bool = False,
) -> str:
    """An SVG of `curves`; points that are not finite, or not positive on a logarithmic axis, are left out."""
    lines = [_points(curve, log_x=log_x, log_y=log_y) for curve in curves]
    shown = [point for line in lines for point in line]
    if not shown:
        return f"<p>{escape(title)}: nothing to show</p>"
    frame = _Frame(
        (logarithmic if log_x else linear)([x for x, _, _ in shown]),
        (logarithmic if log_y else linear)([y for _, y, _ in shown]),
    )
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" xmlns="http://www.w3.org/2000/svg">']
    parts += [_text(_LEFT, 18, title, weight="bold"), *frame.draw(x_label, y_label)]
    for k, (curve, line) in enumerate(zip(curves, lines, strict=True)):
        parts += frame.curve(curve, line, _INKS[k % len(_INKS)])
    return "".join([*parts, *_legend(curves), "</svg>"])


def _points(curve: Curve, *, log_x: bool, log_y: bool) -> list[tuple[float, float, str]]:
    labels = [*curve.labels, *[""] * (len(curve.x) - len(curve.labels))]
    return [
        (x, y, label)
        for x, y, label in zip(curve.x, curve.y, labels, strict=True)
        if math.isfinite(x) and math.isfinite(y) and (x > 0 or not log_x) and (y > 0 or not log_y)
    ]


@dataclass(frozen=True)
class _Frame:
    """The rectangle that curves are drawn in."""

    across: Axis
    up: Axis

    def x(self, value: float) -> float:
        return _LEFT + self.across.part(value) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - _BELOW - self.up.part(value) * (HEIGHT - _BELOW - _ABOVE)

    def draw(self, x_label: str, y_label: str) -> list[str]:
        low, high = HEIGHT - _BELOW, WIDTH - _RIGHT
        parts = []
        for tick, text in zip(self.up.ticks, self.up.texts(), strict=True):
            y = self.y(tick)
            parts += [_rule(_LEFT, y, high, y), _text(_LEFT - 6, y + 4, text, anchor="end", size=12)]
        for tick, text in zip(self.across.ticks, self.across.texts(), strict=True):
            x = self.x(tick)
            parts += [_rule(x, _ABOVE, x, low), _text(x, low + 17, text, anchor="middle", size=12)]
        parts.append(_rule(_LEFT, low, high, low, _RIM) + _rule(_LEFT, _ABOVE, _LEFT, low, _RIM))
        parts.append(_text((high + _LEFT) / 2, HEIGHT - 10, x_label, anchor="middle"))
        middle = f"{(low + _ABOVE) / 2:.1f}"
        turned = _text(0, 0, y_label, anchor="middle") if y_label else ""
        return [*parts, f'<g transform="translate(16,{middle}) rotate(-90)">{turned}</g>' if turned else ""]

    def curve(self, curve: Curve, points: list[tuple[float, float, str]], ink: str) -> list[str]:
        parts = []
        if curve.line:
            path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y, _ in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
        for x, y, label in points:
            if curve.marks:
                parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4" fill="{ink}"/>')
            if label:
                parts.append(_beside(self.x(x), self.y(y), label, ink))
        return parts


def _beside(x: float, y: float, label: str, ink: str) -> str:
    """Text to the right of a point, or to its left near the rim."""
    left = x > WIDTH - 130
    return _text(x - 7 if left else x + 7, y - 6, label, anchor="end" if left else "start", size=11, ink=ink)


def _legend(curves: Sequence[Curve]) -> list[str]:
    """Names in one line above the frame; curves without a name have none."""
    named = [(k, curve.name) for k, curve in enumerate(curves) if curve.name]
    spans = "".join(
        f'<tspan dx="{14 if n else 0}" fill="{_INKS[k % len(_INKS)]}">\u25cf {escape(name)}</tspan>'
        for n, (k, name) in enumerate(named)
    )
    return (
        [f'<text x="{_LEFT}" y="38" font-size="12" font-family="sans-serif">{spans}</text>'] if named else []
    )


def _rule(x0: float, y0: float, x1: float, y1: float, ink: str = _GRID) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{ink}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    size: int = 14,
    ink: str = "#222",
) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{ink}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style} font-family="sans-serif">{escape(text)}</text>'
