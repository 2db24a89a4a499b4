"""The parts of the report's page that are text and curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from ptychoscope.metrics import RingCorrelation
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.report.plots import Curve, plot

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Training report</title>
<style>
body{font-family:sans-serif;color:#222;margin:2em auto;max-width:1240px;padding:0 1em}
h2{margin:1.6em 0 .3em} p{margin:.4em 0} img{max-width:100%} svg{max-width:49%;height:auto}
table{border-collapse:collapse} th,td{text-align:left;padding:.15em 2em .15em 0} th{font-weight:600}
</style>
<h1>Training report</h1>
"""

_LOSSES = {
    "poisson": "Training loss: half the Poisson deviance per photon",
    "mae": "Training loss: error of the modulus, relative",
}


def page(parts: Iterable[str]) -> str:
    """The page that holds `parts`."""
    return _HEAD + "\n".join(parts) + "\n</html>\n"


def heading(title: str, text: str = "") -> str:
    """A section's heading and what stands under it."""
    return f"<h2>{escape(title)}</h2>" + (f"<p>{escape(text)}</p>" if text else "")


def table(
    config: TrainConfig,
    history: list[dict[str, float]],
    facts: Mapping[str, float | str],
    *,
    frames: int,
) -> str:
    """What was trained and how it ended."""
    rows = {
        "network": f"{config.network}, {config.loss} loss, seed {config.seed}",
        "frames of the first scan": f"{frames:,}",
        "ended by": str(facts.get("stopped_by", "")),
        "steps": f"{facts.get('steps', 0):,}",
        "time": f"{facts.get('seconds', 0):.0f} s, {facts.get('cpu_seconds', 0):.0f} s of CPU",
        "steps skipped, gradient not finite": str(int(history[-1].get("skipped_steps", 0)))
        if history
        else "0",
        "held-back deviance": _held_back(history),
    }
    cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
    return f"<table>{cells}</table>"


def _held_back(history: list[dict[str, float]]) -> str:
    values = [record["val_deviance"] for record in history if "val_deviance" in record]
    if not values:
        return "nothing was held back"
    best = min(range(len(values)), key=values.__getitem__)
    return f"{values[best]:.4g} at best (epoch {best}, the one that is kept), {values[-1]:.4g} at the end"


def likelihood(history: list[dict[str, float]], loss: str) -> list[str]:
    """The two curves of a training over its CPU time."""
    seconds = [record["cpu_seconds"] for record in history]
    titles = {
        "train_loss": _LOSSES.get(loss, "Training loss"),
        "val_deviance": "Held-back frames: Poisson deviance per pixel",
    }
    return [
        plot(
            [
                Curve(
                    "",
                    seconds,
                    [record.get(name, float("nan")) for record in history],
                    marks=len(history) < 40,
                )
            ],
            title=title,
            x_label="CPU time, s",
            log_y=True,
        )
        for name, title in titles.items()
    ]


def correlation(halves: RingCorrelation) -> str:
    """The Fourier ring correlation of two images and its thresholds."""
    rings = halves.frequency.tolist()
    curves = [
        Curve("two halves", rings, halves.correlation.tolist()),
        Curve("half-bit threshold", rings, halves.half_bit.tolist()),
        Curve("1/2", rings, [0.5] * len(rings)),
    ]
    return plot(
        curves,
        title="Fourier ring correlation",
        x_label="spatial frequency, fraction of Nyquist",
        y_label="FRC",
    )
