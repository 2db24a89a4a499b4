"""PtychoNN's NPZ: `reciprocal` (n, H, W), counts, and `position` (n, 2) in metres, (y, x).

Counts above 32767 may have run over as int16: values below 0 are refused until `--negative unwrap` says so.
The file knows neither the pixel of the object nor the energy: `--pixel-size-m`, or `--energy-ev`,
`--distance-m` and `--detector-pixel-m`.
"""

from pathlib import Path

import numpy as np

from ptychoscope.errors import ScanError
from ptychoscope.io.npy import read_members
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan

NAME = "PtychoNN's NPZ"


def matches_members(names: set[str]) -> bool:
    """Whether an .npz holds arrays of these names."""
    return {"reciprocal", "position"} <= names


def read_archive(path: Path, _: ReadOptions) -> StoredScan:
    """What such an .npz holds; raises `ScanError` naming what it must be."""
    held = read_members(path, ("reciprocal", "position"))
    patterns, positions = held["reciprocal"], held["position"]
    if patterns.ndim != 3 or patterns.dtype.kind not in "uif":
        raise ScanError(
            f"reciprocal in {path} must be (n, H, W) numbers, got {patterns.shape} {patterns.dtype}"
        )
    if positions.ndim != 2 or positions.shape[1] != 2 or positions.dtype.kind not in "uif":
        raise ScanError(
            f"position in {path} must be (n, 2) metres as (y, x), got {positions.shape} {positions.dtype}: "
            "--positions FILE.csv says others"
        )
    return StoredScan(
        source=str(path),
        patterns=patterns,
        patterns_name="reciprocal",
        domain="counts",
        positions=positions.astype(np.float64),
        positions_unit="m",
        record={"format": NAME, "positions": {"from": "position", "is": "y, x in metres"}},
    )
