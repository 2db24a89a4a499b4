"""Methods without a network: the parallel projection, the sequential solver, and pty-chi's LSQML."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ptychoscope import _core
from ptychoscope.bench.peer_ptychi import PeerImage, lsqml_images
from ptychoscope.inference.unrolled_passes import MOMENTUM, ObjectEstimate, unroll
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.probe_intensity import matched_probe, merge_weight, probe_intensity
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.preprocess.whole_and_fraction import split_subpixel
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.reextract import cut_out
from ptychoscope.train.physics.forward_model import DARK, REGULARISATION
from quality.data_sets import CHUNKS, Split, chunks, join_chunks
from quality.score_and_rate import Method, metrics

PASSES = {False: (24, 40, 100, 200), True: (20, 40, 100, 200)}
"""Passes of the projection, without and with momentum."""
SWEEPS = (1, 3, 10)
EPOCHS = (10, 30)
_BATCH = 64


def methods() -> dict[str, Method]:
    """The methods of this package by the names of their records."""
    found: dict[str, Method] = {}
    for momentum, numbers in PASSES.items():
        for passes in numbers:
            name = f"projection, {passes} passes" + (f", momentum {MOMENTUM}" if momentum else "")
            found[name] = partial(project, passes=passes, momentum=momentum)
    for sweeps in SWEEPS:
        found[f"refine, {sweeps} sweep" + ("s" if sweeps > 1 else "")] = partial(refine_scan, sweeps=sweeps)
    return found


def project(scan: Scan, *, passes: int, momentum: bool = False) -> Reconstruction:
    """Parallel modulus projections from an empty object, merged in between, by the runtime's C++.

    The same passes as `ptychoscope.train.project`, which runs them by torch, some twenty times as slow; what
    is left of a position beyond whole pixels is rounded to 1 / 8 px. With `momentum` the object moves on by
    `MOMENTUM` times its last move.
    """
    probe, side = matched_probe(scan), scan.patch_px
    projector = _core.Projector(probe, REGULARISATION, DARK * float(probe_intensity(probe).mean()))
    extent = canvas_extent(scan.positions_px, (side, side))
    whole_px, steps = split_subpixel(scan.positions_px)
    centres_px, amplitudes, left = extent.to_canvas(whole_px), measured_amplitudes(scan), passes

    def step(_: int | None, estimate: ObjectEstimate | None) -> Canvas | None:
        nonlocal left
        if estimate is None:
            return None  # the first stage makes the empty object, so that momentum counts the move from it
        left -= 1
        canvas = Canvas(extent.shape, merge_weight(probe), "nearest", spread=left == 0)
        for start in range(0, len(scan), _BATCH):
            part = slice(start, start + _BATCH)
            patches = cut_out(estimate.values, centres_px[part], side)
            patches += projector.residual(patches, amplitudes[part], steps[part])
            canvas.add(patches, centres_px[part], values="real_imag")
        return canvas

    def merge(canvas: Canvas | None) -> ObjectEstimate:
        if canvas is None:
            return ObjectEstimate(np.ones(extent.shape, np.complex64), np.zeros(extent.shape, np.float32))
        return ObjectEstimate(canvas.image(), canvas.coverage())

    canvas = unroll([0] + passes * [None if momentum else 0], step, merge)
    return Reconstruction(
        object=canvas.image(),
        coverage=canvas.coverage(),
        spread=canvas.spread(),
        origin_px=extent.origin_px,
        pixel_size_m=scan.pixel_size_m,
        positions_px=scan.positions_px,
    )


def score_ptychi(data: Split, python: Path) -> dict[str, dict[str, Any]]:
    """Scores and rates of pty-chi's LSQML by its name, set up as by `bench refine --peer`; set-up is not
    counted.
    """
    scans = {"whole": [data.test]} | {name: chunks(data.test, frames) for name, frames in CHUNKS.items()}
    images = iter(lsqml_images([scan for parts in scans.values() for scan in parts], python, EPOCHS))
    found = {name: [next(images) for _ in parts] for name, parts in scans.items()}
    return {
        f"pty-chi LSQML, {epochs} epochs": _facts(
            {name: [part[k] for part in parts] for name, parts in found.items()}, data
        )
        for k, epochs in enumerate(EPOCHS)
    }


def _facts(found: dict[str, list[PeerImage]], data: Split) -> dict[str, Any]:
    """Scores and rates of the images after one number of epochs."""
    images = {name: join_chunks([part.image for part in parts], data.test) for name, parts in found.items()}
    rates = {name: len(data.test) / sum(part.cpu_s for part in parts) for name, parts in found.items()}
    return {
        "scores": {name: metrics(image, data) for name, image in images.items()},
        "parameters": 0,
        "frames_per_s": rates["whole"],
        "chunk_frames_per_s": rates["chunks"],
    }
