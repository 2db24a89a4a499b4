"""What a live mosaic must be to the bit: the frames that it holds, through the network and onto a canvas."""

import numpy as np

from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.windows import make_window


def offline_mosaic(model, scan, places_px, result):
    """The exact canvas of the frames of `result`, a few thousand at a time.

    Frame n is at places_px[n] and has the pattern of `scan` that is n-th, counted round and round.
    """
    stitch = model.config.stitch
    canvas = Canvas(
        result.object.shape,
        make_window(stitch.window, model.patch_px, scan.probe),
        stitch.interpolation,
        "exact",
        crop_px=stitch.inner_crop_px,
    )
    runner = model.runner(scan.probe if model.takes_probe else None)
    order = np.argsort(result.frame_numbers)
    for part in np.array_split(order, max(1, len(order) // 4096)):
        numbers = result.frame_numbers[part]
        patterns = scan.patterns[numbers % len(scan.patterns)].astype(np.float32)
        patches = runner.positioned(patterns, "counts", places_px[numbers])
        where = patches.positions_px - np.array(result.origin_px)
        canvas.add(patches.patches, where, values=patches.values)
    return canvas
