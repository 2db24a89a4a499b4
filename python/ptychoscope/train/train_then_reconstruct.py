"""train_and_reconstruct(): train on one scan, see another, in one call; and the file that keeps it all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ptychoscope.io import ReadOptions, ScanSource, as_scan
from ptychoscope.patch_geometry import nearest_pixel
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.prediction import predict
from ptychoscope.train.training_run import train

Image = NDArray[np.float32]


def train_and_reconstruct(
    train_scan: ScanSource,
    test_scan: ScanSource | None = None,
    config: TrainConfig | None = None,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    stitch: bool = True,
    flip_x: bool = False,
    flip_y: bool = False,
    transpose: bool = False,
    coord_scale: float = 1.0,
    progress: bool = True,
    **options: Unpack[ReadOptions],
) -> tuple[Image | None, Image | None, dict[str, Any]]:
    """Train on `train_scan` and reconstruct `test_scan`.

    Parameters
    ----------
    train_scan
        A scan, a path or arrays, as `as_scan` takes them.
    test_scan
        What to reconstruct; the training scan when None.
    config
        What to train; the defaults when None.
    run_dir
        Folder of the run; a temporary one, removed at the end, when None.
    stitch
        Put the patches together; otherwise amplitude and phase are None.
    flip_x
        Negate the x of every position.
    flip_y
        Negate the y of every position.
    transpose
        Exchange the axes of patterns and probe.
    coord_scale
        Multiplies every position, after the flips.
    progress
        Show a progress bar.
    **options
        How both scans are read, as `load_scan` takes it: `layout="NHW"`, `domain="counts"`, `match`, `crop`,
        ... An `orientation` takes the place of the four steps above.

    Returns
    -------
    amplitude
        (H, W) float32, 0 where nothing was seen.
    phase
        (H, W) float32 in rad.
    results
        `obj_tensor_full` (n, P, P) complex64, the patch of every frame that is used; `global_offsets`
        (n, 2) float64, (y, x) of the pixel each patch is centred on; `coords_nominal` (n, 2) float64, the
        commanded positions; `history`, one record per epoch; `models`, the trained module by name; with
        `stitch` also `object` (H, W) complex64, `coverage` (H, W) float32 and `origin_px` (y, x).

    Raises
    ------
    PtychoscopeError
        As `as_scan` and `train` say.
    """
    options.setdefault(
        "orientation",
        Orientation(
            patterns="transpose" if transpose else "none",
            probe="transpose" if transpose else "none",
            flip_x=flip_x,
            flip_y=flip_y,
            scale=coord_scale,
        ),
    )
    learn = as_scan(train_scan, **options)
    seen = learn if test_scan is None else as_scan(test_scan, **options)
    seen = usable_frames(seen).scan
    with tempfile.TemporaryDirectory(prefix="ptychoscope-") as scratch:
        folder = Path(run_dir) if run_dir is not None else Path(scratch) / "run"
        trained = train(learn, config, run_dir=folder, progress=progress)
    prediction = predict(trained.module, seen)
    nominal = seen.positions_px if seen.nominal_positions_px is None else seen.nominal_positions_px
    results: dict[str, Any] = {
        "obj_tensor_full": prediction.patches,
        "global_offsets": nearest_pixel(seen.positions_px),
        "coords_nominal": nominal,
        "history": trained.history,
        "models": {"network": trained.module},
    }
    if not stitch:
        return None, None, results
    results |= {
        "object": prediction.object,
        "coverage": prediction.coverage,
        "origin_px": prediction.origin_px,
    }
    amplitude = np.abs(prediction.object)
    return amplitude, np.angle(prediction.object).astype(np.float32), results
