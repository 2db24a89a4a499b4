"""Network, solver and pty-chi beside the truth, where photons are few, as docs/noise.png."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.bench.peer_ptychi import lsqml_images
from ptychoscope.inference.load import load_model
from ptychoscope.io.atomic import replacing
from ptychoscope.metrics import compare
from ptychoscope.option_literals import ColorMap
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan
from ptychoscope.viz.panels import Panel, draw_panels, limits

_SIDE_PX = 110
"""Rows and columns that are shown, from the middle of the scan."""
_PTYCHI_EPOCHS = 10
MAPS: tuple[tuple[str, Callable[..., NDArray[np.floating]], ColorMap], ...] = (
    ("amplitude", np.abs, "gray"),
    ("phase, rad", np.angle, "RdBu_r"),
)


class Cut(NamedTuple):
    """The part of an image that is shown, on the scale of the truth."""

    name: str
    image: NDArray[np.complexfloating]
    """(110, 110), its mean phase that of the truth, which is 0."""
    nrmse: float | None
    """Of the whole image; None for the truth."""


def noise_figure(scan: Scan, bundle: Path, peer: Path | None, out: Path) -> dict[str, float]:
    """Write the PNG, amplitudes above and phases below; the nrmse of what it shows, by name."""
    model = load_model(bundle, threads=1)
    images = {
        "network": reconstruct(scan, model),
        "network + 10 projections": reconstruct(scan, model, projections=10),
        "refine, 10 sweeps": refine_scan(scan, sweeps=10),
    }
    if peer is not None:
        found = lsqml_images([scan], peer, [_PTYCHI_EPOCHS])[0][0]
        images[f"pty-chi, {found.epochs} epochs"] = found.image
    area = _middle(images["network"], scan)
    cuts = [_cut_truth(scan, area), *(_cut(name, image, scan, area) for name, image in images.items())]
    errors = {cut.name: cut.nrmse for cut in cuts if cut.nrmse is not None}
    caption = "nrmse of the image: " + "; ".join(f"{name} {nrmse:.3f}" for name, nrmse in errors.items())
    sheet = draw_panels(panels_of(cuts), columns=len(cuts), panel_px=2 * _SIDE_PX, caption=caption)
    with replacing(out) as partial:
        sheet.quantize(256).save(partial, "PNG", optimize=True)
    return errors


def panels_of(cuts: list[Cut]) -> list[Panel]:
    """A column for every cut, the truth first, with the truth's range; zero is the middle of the phase's."""
    panels = []
    for quantity, of, colormap in MAPS:
        low, high = limits(of(cuts[0].image), np.ones(cuts[0].image.shape, bool), tail=0.2)
        if of is np.angle:
            low, high = -max(-low, high), max(-low, high)
        panels += [
            Panel(title=f"{c.name}: {quantity}", values=of(c.image), low=low, high=high, colormap=colormap)
            for c in cuts
        ]
    return panels


def _middle(image: Reconstruction, scan: Scan) -> tuple[slice, slice]:
    """Rows and columns of the object in the middle of what is scored."""
    found = compare(image, scan.object)
    middle = [(low + high) // 2 for low, high in (found.rows, found.columns)]
    return tuple(slice(m - _SIDE_PX // 2, m + _SIDE_PX // 2) for m in middle)


def _cut(name: str, image: Reconstruction, scan: Scan, area: tuple[slice, slice]) -> Cut:
    found, (rows, columns), (y, x) = compare(image, scan.object), area, image.origin_px
    part = image.object[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    return Cut(name, found.factor * part * _without_phase(scan, area), found.score.nrmse)


def _cut_truth(scan: Scan, area: tuple[slice, slice]) -> Cut:
    return Cut("truth", scan.object[area] * _without_phase(scan, area), None)


def _without_phase(scan: Scan, area: tuple[slice, slice]) -> np.complex128:
    """What makes the mean phase of the truth there 0."""
    return np.exp(-1j * np.angle(scan.object[area].mean()))
