"""The report's figures as PNG: curves by matplotlib, images by `ptychoscope.viz`."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from ptychoscope.metrics import RingCorrelation
from ptychoscope.option_literals import Loss
from ptychoscope.train.prediction import Prediction
from ptychoscope.viz.overview import object_panels
from ptychoscope.viz.panels import Panel, draw_panels

History = Sequence[dict[str, float]]
"""One record per epoch, as in `TrainResult.history`."""

_LOSSES: dict[Loss, str] = {
    "poisson": "Training loss: half the Poisson deviance per photon",
    "mae": "Training loss: relative error of the modulus",
}


class Picture(NamedTuple):
    """An image of the page."""

    png: bytes
    description: str
    """For those who cannot see it."""

    @property
    def source(self) -> str:
        """The image as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def loss_curve(history: History, loss: Loss) -> Figure:
    """The training loss over the CPU time."""
    figure, axes = _blank(_LOSSES[loss])
    _draw_history(axes, history, "train_loss")
    return figure


def deviance_curve(history: History) -> Figure:
    """The deviance of the held-back frames over the CPU time, and a line at 1, which is photon noise."""
    figure, axes = _blank("Held-back frames: Poisson deviance per pixel")
    if _draw_history(axes, history, "val_deviance"):
        axes.axhline(1, color="0.45", linestyle="--", linewidth=1.2, label="1 = photon noise")
        axes.legend()
    return figure


def correlation_curve(halves: RingCorrelation) -> Figure:
    """The Fourier ring correlation of two images, and its thresholds."""
    figure, axes = _blank("Fourier ring correlation of two halves")
    if _draw(axes, halves.frequency, halves.correlation, label="two halves"):
        _draw(axes, halves.frequency, halves.half_bit, label="half-bit threshold", linestyle="--")
        axes.axhline(0.5, color="0.45", linestyle=":", linewidth=1.2, label="1/2")
        axes.set(xlim=(0, 1), xlabel="spatial frequency, fraction of Nyquist")
        axes.legend()
    return figure


def curve_picture(figure: Figure) -> Picture:
    """A figure with one curve as a picture of the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Picture(buffer.getvalue(), figure.axes[0].get_title(loc="left"))


_SEEN = 0.02
"""Pixels with less of the largest illumination are not shown."""


def object_pictures(prediction: Prediction, pixel_size_m: float | None = None) -> list[Picture]:
    """Amplitude, phase, coverage and spread of what the network sees."""
    seen = prediction.coverage > _SEEN * prediction.coverage.max()
    panels = object_panels(
        prediction.object, prediction.coverage, prediction.spread, seen=seen, pixel_size_m=pixel_size_m
    )
    return [_panel_picture(panel, 440) for panel in panels]


def pattern_pictures(
    frames: NDArray[np.intp], measured: NDArray[np.float32], predicted: NDArray[np.float32]
) -> list[Picture]:
    """For every frame what was measured, what is predicted, and the difference by its photon noise.

    Parameters
    ----------
    frames
        (k,) their numbers.
    measured
        (k, P, P) counts, NaN where unmeasured: nothing is shown there.
    predicted
        (k, P, P) counts.
    """
    pictures = []
    for frame, counts, rate in zip(frames, measured, predicted, strict=True):
        shown = [np.log10(1 + counts), np.log10(1 + rate)]
        high = max(float(np.max(values, initial=0.0, where=np.isfinite(values))) for values in shown)
        names = [f"Frame {frame}: measured, log10(1 + counts)", f"Frame {frame}: predicted"]
        panels = [
            Panel(title=name, values=values, low=0.0, high=high, colormap="magma")
            for name, values in zip(names, shown, strict=True)
        ]
        left = (counts - rate) / np.sqrt(1 + rate)
        title = f"Frame {frame}: difference / noise"
        panels.append(Panel(title=title, values=left, low=-4.0, high=4.0, colormap="RdBu_r"))
        pictures += [_panel_picture(panel, 280) for panel in panels]
    return pictures


def _blank(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.3), dpi=180, layout="constrained")
    axes: Axes = figure.subplots()
    axes.set_title(title, fontsize="medium", loc="left")
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    return figure, axes


_MARKED = 40
"""Fewer epochs are shown as points too."""


def _draw_history(axes: Axes, history: History, key: str) -> bool:
    """One value of every epoch on a logarithmic axis; False when there is none."""
    values = np.array([record.get(key, np.nan) for record in history])
    values = np.where(values > 0, values, np.nan)
    marker = "o" if len(history) < _MARKED else ""
    drawn = _draw(axes, [record["cpu_seconds"] for record in history], values, marker=marker)
    if drawn:
        axes.set_yscale("log")
        axes.set_xlabel("CPU time (s)")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.6g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    return drawn


def _draw(axes: Axes, x: ArrayLike, y: ArrayLike, **style: Any) -> bool:
    """A line through the finite points; False, and a word in the axes, when there is none."""
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    finite = np.isfinite(across) & np.isfinite(up)
    if not finite.any():
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", va="center")
        return False
    axes.plot(across[finite], up[finite], markersize=4, **style)
    return True


def _panel_picture(panel: Panel, panel_px: int) -> Picture:
    buffer = io.BytesIO()
    draw_panels([panel], panel_px=panel_px).save(buffer, format="PNG", optimize=True)
    return Picture(buffer.getvalue(), panel.title)
