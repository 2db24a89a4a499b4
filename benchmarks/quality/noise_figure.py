"""Pictures of network, solver and pty-chi beside the truth, where photons are few."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.bench.refine_quality import peer_images
from ptychoscope.inference.load import load_model
from ptychoscope.io.atomic import replacing
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan
from ptychoscope.viz.panels import Panel, figure, limits

SIDE_PX = 110
"""Rows and columns that are shown, from the middle of the scan."""


class Shown(NamedTuple):
    """A way to an image and its part that is shown, on the scale of the truth."""

    name: str
    nrmse: float
    image: NDArray[np.complexfloating]


def noise_figure(scan: Scan, bundle: Path, peer: Path | None, out: Path) -> list[tuple[str, float]]:
    """Write the PNG; names and nrmse of what it shows."""
    model = load_model(bundle, threads=1)
    images = {"network": reconstruct(scan, model)}
    images["network + 10 projections"] = reconstruct(scan, model, projections=10)
    images["refine, 10 sweeps"] = refine_scan(scan, sweeps=10)
    if peer is not None:
        images["pty-chi, 10 epochs"] = peer_images(scan, peer, "fourier", [10])[0][2]
    shown = [_cut(name, image, scan) for name, image in images.items()]
    truth = _truth(scan, next(iter(images.values())))
    panels = [*_row([truth, *shown], np.abs, "grey"), *_row([truth, *shown], np.angle, "diverging")]
    sheet = figure(panels, columns=1 + len(shown), panel_px=2 * SIDE_PX)
    with replacing(out) as partial:
        sheet.quantize(256).save(partial, "PNG", optimize=True)
    return [(s.name, s.nrmse) for s in shown]


def _window(seen: Reconstruction, scan: Scan) -> tuple[slice, slice]:
    """Rows and columns of the object in the middle of what is scored."""
    found = compare(seen, scan.object)
    middle = [(low + high) // 2 for low, high in (found.rows, found.columns)]
    return tuple(slice(m - SIDE_PX // 2, m + SIDE_PX // 2) for m in middle)


def _cut(name: str, seen: Reconstruction, scan: Scan) -> Shown:
    found, (rows, columns) = compare(seen, scan.object), _window(seen, scan)
    y, x = seen.origin_px
    part = seen.object[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    turned = found.factor * part * np.exp(-1j * _phase(scan.object[rows, columns]))
    return Shown(name, found.score.nrmse, turned)


def _truth(scan: Scan, seen: Reconstruction) -> Shown:
    part = scan.object[_window(seen, scan)]
    return Shown("truth", 0.0, part * np.exp(-1j * _phase(part)))


def _phase(image: NDArray[np.complexfloating]) -> float:
    return float(np.angle(image.mean()))


def _row(shown: list[Shown], of: np.ufunc, colours: str) -> list[Panel]:
    """One quantity of all images, with the truth's range."""
    truth = of(shown[0].image)
    low, high = limits(truth, np.ones(truth.shape, bool), tail=0.2)
    titles = [s.name if colours == "grey" else (f"nrmse {s.nrmse:.3f}" if s.nrmse else "") for s in shown]
    return [
        Panel(title=title, values=of(s.image), low=low, high=high, colours=colours)
        for s, title in zip(shown, titles, strict=True)
    ]
