"""What is trained on and what is scored: simulated scans, and the two sides of a real one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptychoscope.io import load_scan
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.train import Prediction
from ptychoscope.train.prediction import join

SETS = ("mix", "star", "1e4")
CHUNKS = {"chunks": 24, "chunks of 48": 48, "chunks of 96": 96}
"""Frames that know each other: one, two and four raster rows of the simulated scans."""
_STAR_PART = 0.6
"""Of the star's width, from the left, that is trained on."""


class Split(NamedTuple):
    """A scan to learn from, one to be scored on, and the columns of object pixels that count."""

    learn: Scan
    test: Scan
    columns: tuple[int, int] | None = None


def split(data: Path, name: str) -> Split:
    """The set `name` of `SETS`: objects never seen in training; for the star, its right side."""
    if name == "star":
        scan = load_scan(data / "siemens64.npz")
        x = scan.positions_px[:, 1]
        cut = x.min() + _STAR_PART * np.ptp(x)
        return Split(scan.select(x < cut), scan.select(x >= cut), (int(cut), int(x.max())))
    suffix = "_1e4" if name == "1e4" else ""
    return Split(load_scan(data / f"sim_train{suffix}.npz"), load_scan(data / f"sim_test_mix{suffix}.npz"))


def chunks(scan: Scan, frames: int) -> list[Scan]:
    """The scan in parts of so many consecutive frames."""
    return [scan.select(slice(k, k + frames)) for k in range(0, len(scan), frames)]


def join_chunks(images: Sequence[Reconstruction], scan: Scan) -> Reconstruction:
    """One image of those that were made of the parts of `scan`, weighted by their coverage."""
    no_patches = np.zeros((0, 0, 0), np.complex64)
    whole = join([Prediction(no_patches, i.object, i.coverage, i.spread, i.origin_px) for i in images])
    fields = {name: getattr(whole, name) for name in ("object", "coverage", "spread", "origin_px")}
    return Reconstruction(**fields, pixel_size_m=scan.pixel_size_m, positions_px=scan.positions_px)
