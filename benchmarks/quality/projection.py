"""The parallel modulus projection by the runtime's transforms and canvas: what a network is judged against.

The same passes as `ptychoscope.train.project`, which runs them by torch, some twenty times as slow.
"""

import numpy as np

from ptychoscope import _core
from ptychoscope.geometry import canvas_extent
from ptychoscope.inference.unrolled import cut_out, merge_weight, place
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.train.physics.forward_model import DARK, REGULARISATION

_BATCH = 64


def project(scan: Scan, *, passes: int, momentum: float = 0.0) -> Reconstruction:
    """`passes` full steps from an empty object, merged in between; the object moves on by `momentum`.

    What is left of a position beyond whole pixels is rounded to 1 / 8 px.
    """
    probe = matched_probe(scan)
    weight = merge_weight(probe)
    lit = float(np.square(np.abs(probe)).sum(axis=0).mean())
    projector = _core.Projector(probe, REGULARISATION, DARK * lit)
    frame = canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px))
    whole, fractions = place(scan.positions_px)
    whole, amplitude = frame.to_canvas(whole), scan.amplitude()
    image, velocity = np.ones(frame.shape, np.complex64), np.zeros(frame.shape, np.complex64)
    canvas = Canvas(frame.shape, weight, "nearest")
    for k in range(passes):
        canvas = Canvas(frame.shape, weight, "nearest", spread=k == passes - 1)
        for start in range(0, len(scan), _BATCH):
            part = slice(start, start + _BATCH)
            patches = cut_out(image, whole[part], scan.patch_px)
            patches += projector.residual(patches, amplitude[part], fractions[part])
            canvas.add(patches, whole[part], values="real_imag")
        velocity = momentum * velocity + (canvas.image() - image)
        image = image + velocity
    return Reconstruction(
        object=canvas.image(),
        coverage=canvas.coverage(),
        spread=canvas.spread(),
        origin_px=frame.origin_px,
        pixel_size_m=scan.pixel_size_m,
        positions_px=scan.positions_px,
    )
