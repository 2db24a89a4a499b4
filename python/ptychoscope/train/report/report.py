"""The report of a training: one HTML page that stands alone."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ptychoscope.geometry import nearest_pixel
from ptychoscope.io.atomic import replacing
from ptychoscope.metrics import RingCorrelation, ring_correlation
from ptychoscope.options import ColorMap
from ptychoscope.preprocess.complex_planes import from_planes, to_planes
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan
from ptychoscope.train.data.batches import Frames, make_batch
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.prediction import Prediction, predict
from ptychoscope.train.report.page import correlation, heading, likelihood, page, table
from ptychoscope.viz.panels import Panel, draw_panels, limits

_FRAMES = 600
"""Frames looked at, those nearest to the middle of the scan: enough to judge, quick to do."""


@dataclass(frozen=True)
class Look:
    """What the report shows of a scan."""

    seen: Prediction
    frames: NDArray[np.intp]
    """(k,) numbers, in the scan, of a few frames."""
    measured: NDArray[np.float32]
    """(k, P, P) counts of these frames."""
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
    height, width = look.seen.object.shape
    crossing = look.halves.crossing(look.halves.half_bit)
    half_period = f"{1 / crossing:.1f} px" if crossing > 0 else "the whole image"
    parts = [
        table(module.config, history, facts, frames=len(scan)),
        heading("Likelihood"),
        *likelihood(history, module.config.loss),
        heading(
            "What the network sees",
            f"The {len(look.seen.patches)} of {len(scan)} frames that lie nearest to the middle of the first "
            f"scan (rows x columns: {height} x {width} px), as the network gives them. Spread is the "
            "standard deviation of the patches that overlap: where it is large, do not trust the image.",
        ),
        _image(_object(look.seen), columns=3, panel_px=520),
        heading(
            "Measured and predicted",
            "Counts as log10(1 + counts); predicted from the image above with the probe. The difference is "
            "divided by its expected photon noise, the root of 1 + the predicted counts.",
        ),
        _image(_patterns(look), columns=len(look.frames), panel_px=256),
        heading(
            "Two halves of the frames",
            "Even and odd frames, each made into an image by itself. The correlation falls under the "
            f"half-bit threshold at {crossing:.2f} of Nyquist; half a period there is {half_period}.",
        ),
        correlation(look.halves),
    ]
    with replacing(path) as partial:
        partial.write_text(page(parts), encoding="utf-8")


def look_at(module: PtychoModule, scan: Scan, *, shown: int = 4) -> Look:
    """Run the network on the middle of `scan`, whole and in halves, and predict a few of its frames."""
    if scan.probe is None:
        scan = scan.with_probe(from_planes(module.probe.detach().numpy()))
    away = np.linalg.norm(scan.positions_px - np.median(scan.positions_px, axis=0), axis=1)
    nearest = np.sort(np.argsort(away, kind="stable")[:_FRAMES])
    part = scan.select(nearest)
    seen = predict(module, part)
    chosen = np.linspace(0, len(part) - 1, min(shown, len(part))).astype(np.intp)
    first, second = (predict(module, part.select(slice(k, None, 2))) for k in (0, 1) if len(part) > k)
    return Look(
        seen=seen,
        frames=nearest[chosen],
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
    corner = nearest_pixel(scan.positions_px[chosen]).astype(int) - side // 2 - seen.origin_px
    cut = np.stack([seen.object[y : y + side, x : x + side] for y, x in corner])
    patches = torch.from_numpy(to_planes(cut))
    counts: NDArray[np.float32] = module.physics.counts(patches, module.light(batch, module.physics))[
        :, 0
    ].numpy()
    return counts


def _object(seen: Prediction) -> list[Panel]:
    lit = seen.coverage > 0.02 * seen.coverage.max()
    turned = seen.object * np.exp(-1j * np.angle(seen.object[lit].mean()))
    planes: list[tuple[str, NDArray[np.floating], ColorMap]] = [
        ("amplitude", np.abs(turned), "gray"),
        ("phase, rad", np.angle(turned), "RdBu_r"),
        ("spread of overlapping patches", seen.spread, "magma"),
    ]
    panels = []
    for title, values, colormap in planes:
        low, high = limits(values, lit)
        panels.append(Panel(title=title, values=values, low=low, high=high, colormap=colormap, seen=lit))
    return panels


def _patterns(look: Look) -> list[Panel]:
    """A row of measured frames, one of predicted ones, one of what is left."""
    pairs = list(zip(look.frames, look.measured, look.predicted, strict=True))
    highs = [float(np.log10(1 + max(k.max(), rate.max()))) for _, k, rate in pairs]
    measured, predicted, left = [], [], []
    for (frame, k, rate), high in zip(pairs, highs, strict=True):
        measured.append(
            Panel(
                title=f"frame {frame}: measured", values=np.log10(1 + k), low=0.0, high=high, colormap="magma"
            )
        )
        predicted.append(
            Panel(title="predicted", values=np.log10(1 + rate), low=0.0, high=high, colormap="magma")
        )
        noise = (k - rate) / np.sqrt(1 + rate)
        left.append(Panel(title="difference / noise", values=noise, low=-4.0, high=4.0, colormap="RdBu_r"))
    return [*measured, *predicted, *left]


def _image(panels: list[Panel], *, columns: int, panel_px: int) -> str:
    buffer = io.BytesIO()
    draw_panels(panels, columns=columns, panel_px=panel_px).save(buffer, "PNG")
    return f'<p><img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"></p>'
