"""What is trained on and what is scored: simulated scans, and the two sides of a real one."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptychoscope.io import load_scan
from ptychoscope.scan import Scan

SETS = ("mix", "star", "1e4")
STAR_PART = 0.6
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
        cut = x.min() + STAR_PART * np.ptp(x)
        return Split(scan.select(x < cut), scan.select(x >= cut), (int(cut), int(x.max())))
    suffix = "_1e4" if name == "1e4" else ""
    return Split(load_scan(data / f"sim_train{suffix}.npz"), load_scan(data / f"sim_test_mix{suffix}.npz"))
