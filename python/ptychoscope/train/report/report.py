"""The report of a training: what is collected for it, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ptychoscope.io.atomic import replacing
from ptychoscope.metrics import RingCorrelation, ring_correlation
from ptychoscope.patch_geometry import nearest_pixel
from ptychoscope.preprocess.complex_planes import from_planes, to_planes
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.batches import ScanSubset, make_batch
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.prediction import Prediction, predict
from ptychoscope.train.report import plots
from ptychoscope.train.report.page import Section, configuration_rows, render_page, summary_rows

_FRAMES = 600
"""Frames that are run, those nearest to the middle of the scan: enough to judge, quick to do."""
_LEAST_SIDE_PX = 8
"""Smaller images are not compared."""


@dataclass(frozen=True)
class ReportData:
    """What the network sees in a scan."""

    prediction: Prediction
    """Of the frames in the middle of the scan."""
    frames: NDArray[np.intp]
    """(k,) numbers, in the scan, of a few frames."""
    measured: NDArray[np.float32]
    """(k, P, P) counts of these frames, NaN where unmeasured."""
    predicted: NDArray[np.float32]
    """(k, P, P) counts that the merged image predicts for them."""
    halves: RingCorrelation | None
    """FRC of two images from half of the frames each; None where they share too little."""


def write_report(
    path: Path,
    module: PtychoModule,
    scan: Scan,
    history: list[dict[str, float]],
    **facts: float | str,
) -> None:
    """Write the page: what was trained, its curves, and what the network sees in a scan.

    Parameters
    ----------
    path
        The HTML file; it stands alone.
    module
        The trained module, on the CPU.
    scan
        The scan that is shown.
    history
        One record per epoch, as in `TrainResult.history`.
    facts
        `stopped_by`, `steps`, `passes`, `seconds` and `cpu_seconds` of the training, and `scan_name` where
        the scan has a name.

    Raises
    ------
    OutputError
        The page cannot be written.
    """
    data = collect(module, scan)
    html = render_page(
        scan_name=str(facts.get("scan_name", "")),
        summary=summary_rows(module.config, scan, history, facts),
        configuration=configuration_rows(module.config),
        sections=[_curves(module.config, history), *_sections(data, scan)],
    )
    with replacing(path) as partial:
        partial.write_text(html, encoding="utf-8")


def collect(module: PtychoModule, scan: Scan, *, shown: int = 4) -> ReportData:
    """Run the network on the middle of `scan`, whole and in halves, and predict `shown` of its frames."""
    if scan.probe is None:
        scan = scan.with_probe(from_planes(module.probe.detach().numpy()))
    away = np.linalg.norm(scan.positions_px - np.median(scan.positions_px, axis=0), axis=1)
    nearest = np.sort(np.argsort(away, kind="stable")[:_FRAMES])
    part = scan.select(nearest)
    prediction = predict(module, part)
    chosen = np.linspace(0, len(part) - 1, min(shown, len(part))).astype(np.intp)
    measured = part.counts(chosen)
    if part.bad_pixels is not None:
        measured = np.where(part.bad_pixels, np.float32(np.nan), measured)
    return ReportData(
        prediction=prediction,
        frames=nearest[chosen],
        measured=measured,
        predicted=_predicted_counts(module, part, prediction, chosen),
        halves=_halves(module, part),
    )


def _halves(module: PtychoModule, scan: Scan) -> RingCorrelation | None:
    """FRC of even and odd frames in the middle half of the area that both cover."""
    if len(scan) < 2:
        return None
    images = [predict(module, scan.select(slice(k, None, 2))) for k in (0, 1)]
    low = np.max([image.origin_px for image in images], axis=0)
    high = np.min([np.add(image.origin_px, image.object.shape) for image in images], axis=0)
    quarter = (high - low) // 4
    low, high = low + quarter, high - quarter
    if (high - low).min() < _LEAST_SIDE_PX:
        return None
    cuts = []
    for image in images:
        (y0, x0), (y1, x1) = low - image.origin_px, high - image.origin_px
        cuts.append(image.object[y0:y1, x0:x1])
    return ring_correlation(*cuts)


@torch.no_grad()
def _predicted_counts(
    module: PtychoModule, scan: Scan, prediction: Prediction, chosen: NDArray[np.intp]
) -> NDArray[np.float32]:
    batch = make_batch([ScanSubset(scan, chosen, matched_probe(scan))], [(0, chosen)])
    side = scan.patch_px
    corner = nearest_pixel(scan.positions_px[chosen]).astype(int) - side // 2 - prediction.origin_px
    cut = np.stack([prediction.object[y : y + side, x : x + side] for y, x in corner])
    patches = torch.from_numpy(to_planes(cut))
    rates = module.physics.counts(patches, module.scan_parameters(batch, module.physics))
    counts: NDArray[np.float32] = rates[:, 0].numpy()
    return counts


def _curves(config: TrainConfig, history: plots.History) -> Section:
    return Section(
        "Likelihood",
        "The dashed line is what photon noise alone leaves where pixels count many photons; where most count "
        "few, less is left.",
        [
            plots.curve_picture(plots.loss_curve(history, config.loss)),
            plots.curve_picture(plots.deviance_curve(history)),
        ],
        columns=2,
    )


def _sections(data: ReportData, scan: Scan) -> list[Section]:
    height, width = data.prediction.object.shape
    return [
        Section(
            "What the network sees",
            f"The {len(data.prediction.patches)} of {len(scan)} frames that lie nearest to the middle of the "
            f"first scan (rows x columns: {height} x {width} px), as the network gives them. Spread is the "
            "standard deviation of the patches that overlap: where it is large, do not trust the image.",
            plots.object_pictures(data.prediction, scan.pixel_size_m),
            columns=2,
        ),
        Section(
            "Measured and predicted",
            "Predicted from the image above with the probe. The difference is divided by its expected photon "
            "noise, the root of 1 + the predicted counts. Grey pixels are unmeasured.",
            plots.pattern_pictures(data.frames, data.measured, data.predicted),
            columns=3,
        ),
        Section(
            "Two halves of the frames",
            _resolution(data.halves, scan.pixel_size_m),
            [] if data.halves is None else [plots.curve_picture(plots.correlation_curve(data.halves))],
            columns=2,
        ),
    ]


def _resolution(halves: RingCorrelation | None, pixel_size_m: float | None) -> str:
    """What the correlation says, in pixels and, where their size is known, in nm."""
    if halves is None:
        return "Even and odd frames share too small an area to be compared."
    made = "Even and odd frames, each made into an image by itself, in the middle of what both cover. "
    crossing = halves.crossing(halves.half_bit)
    if crossing >= 1:
        return f"{made}The correlation stays above the half-bit threshold up to the Nyquist frequency."
    size = "" if pixel_size_m is None else f" ({1e9 * pixel_size_m / crossing:.3g} nm)"
    return (
        f"{made}The correlation falls under the half-bit threshold at {crossing:.2f} of the Nyquist "
        f"frequency; half a period there is {1 / crossing:.1f} px{size}."
    )
