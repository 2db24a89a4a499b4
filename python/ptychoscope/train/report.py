"""The report of a training: one HTML page that stands alone."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ptychoscope.colours import Colours
from ptychoscope.figure import Panel, figure, limits
from ptychoscope.io.atomic import replacing
from ptychoscope.metrics import RingCorrelation, ring_correlation
from ptychoscope.preprocess import matched_probe
from ptychoscope.scan import Scan
from ptychoscope.train.batches import Frames, make_batch
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.plot import Curve, plot
from ptychoscope.train.prediction import Prediction, predict

_FRAMES = 600
"""Frames looked at, those nearest to the middle of the scan: enough to judge, quick to do."""


@dataclass(frozen=True)
class Look:
    """What the report shows of a scan."""

    seen: Prediction
    measured: NDArray[np.float32]
    """(k, P, P) counts of a few frames."""
    predicted: NDArray[np.float32]
    """(k, P, P) counts that the merged image predicts for them."""
    halves: RingCorrelation
    """FRC of two images from half of the frames each."""


def write_report(
    path: Path, module: PtychoModule, scan: Scan, history: list[dict[str, float]], **facts: float | str
) -> None:
    """Write the page: what ended the training, its curves, and what the network sees in `scan`.

    Raises `OutputError` when it cannot be written.
    """
    look = look_at(module, scan)
    seconds = [record["cpu_seconds"] for record in history]
    curves = [
        plot(
            [Curve(name, seconds, [r.get(name, float("nan")) for r in history])],
            title=title,
            x_label="CPU seconds",
            log_y=True,
        )
        for name, title in (
            ("train_loss", "Loss"),
            ("val_deviance", "Held-back frames: Poisson deviance per pixel"),
        )
    ]
    frc, rings = look.halves, look.halves.frequency.tolist()
    curves.append(
        plot(
            [Curve("FRC", rings, frc.correlation.tolist()), Curve("half bit", rings, frc.half_bit.tolist())],
            title="Fourier ring correlation of two halves of the frames",
            x_label="fraction of the Nyquist frequency",
        )
    )
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in facts.items())
    body = "".join([f"<table>{rows}</table>", *curves, _image(_object(look.seen)), _image(_patterns(look))])
    with replacing(path) as partial:
        partial.write_text(_HEAD + body, encoding="utf-8")


_HEAD = """<!doctype html><meta charset="utf-8"><title>Training report</title>
<style>body{font-family:sans-serif;margin:2em;max-width:72em} th{text-align:left;padding-right:2em}</style>
<h1>Training report</h1>
"""


def look_at(module: PtychoModule, scan: Scan, *, shown: int = 4) -> Look:
    """Run the network on the middle of `scan`, whole and in halves, and predict a few of its frames."""
    if scan.probe is None:
        scan = scan.with_probe(np.asarray(_complex(module.probe)))
    away = np.linalg.norm(scan.positions_px - np.median(scan.positions_px, axis=0), axis=1)
    part = scan.select(np.sort(np.argsort(away, kind="stable")[:_FRAMES]))
    seen = predict(module, part)
    chosen = np.linspace(0, len(part) - 1, min(shown, len(part))).astype(np.intp)
    first, second = (predict(module, part.select(slice(k, None, 2))) for k in (0, 1) if len(part) > k)
    return Look(
        seen=seen,
        measured=part.counts(chosen),
        predicted=_far_fields(module, part, seen, chosen),
        halves=ring_correlation(*_common(first, second)),
    )


def _common(first: Prediction, second: Prediction) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """The middle half of the area that both images cover."""
    low = np.maximum(first.origin_px, second.origin_px)
    ends = [np.add(p.origin_px, p.object.shape) for p in (first, second)]
    high = np.minimum(*ends)
    quarter = (high - low) // 4
    low, high = low + quarter, high - quarter
    cuts = []
    for image in (first, second):
        (y0, x0), (y1, x1) = low - image.origin_px, high - image.origin_px
        cuts.append(image.object[y0:y1, x0:x1])
    return cuts[0], cuts[1]


@torch.no_grad()
def _far_fields(
    module: PtychoModule, scan: Scan, seen: Prediction, chosen: NDArray[np.intp]
) -> NDArray[np.float32]:
    batch = make_batch([Frames(scan, chosen, matched_probe(scan))], [(0, chosen)])
    side = scan.patch_px
    corner = np.floor(scan.positions_px[chosen] + 0.5).astype(int) - side // 2 - seen.origin_px
    cut = np.stack([seen.object[y : y + side, x : x + side] for y, x in corner])
    patches = torch.from_numpy(np.stack([cut.real, cut.imag], 1))
    counts: NDArray[np.float32] = module.physics.counts(patches, module.light(batch, module.physics))[
        :, 0
    ].numpy()
    return counts


def _object(seen: Prediction) -> list[Panel]:
    lit = seen.coverage > 0.02 * seen.coverage.max()
    turned = seen.object * np.exp(-1j * np.angle(seen.object[lit].mean()))
    planes: list[tuple[str, NDArray[np.floating], Colours]] = [
        ("amplitude", np.abs(turned), "grey"),
        ("phase in rad", np.angle(turned), "diverging"),
        ("spread of overlapping patches", seen.spread, "heat"),
    ]
    panels = []
    for title, values, colours in planes:
        low, high = limits(values, lit)
        panels.append(Panel(title=title, values=values, low=low, high=high, colours=colours, seen=lit))
    return panels


def _patterns(look: Look) -> list[Panel]:
    panels = []
    for k, pair in enumerate(zip(look.measured, look.predicted, strict=True)):
        high = float(np.log10(1 + max(pair[0].max(), pair[1].max())))
        for name, counts in zip(("measured", "predicted"), pair, strict=True):
            values = np.log10(1 + counts)
            panels.append(
                Panel(title=f"frame {k + 1}, {name}: log10(1 + counts)", values=values, low=0.0, high=high)
            )
    return panels


def _image(panels: list[Panel]) -> str:
    buffer = io.BytesIO()
    figure(panels, columns=3 if len(panels) == 3 else 2, panel_px=320).save(buffer, "PNG")
    return f'<p><img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"></p>'


def _complex(planes: torch.Tensor) -> NDArray[np.complex64]:
    array = planes.detach().numpy()
    return (array[:, 0] + 1j * array[:, 1]).astype(np.complex64)
