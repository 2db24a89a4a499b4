"""Frames of a detector as patterns: the kernels against the same steps written in numpy, in one process.

python benchmarks/preprocess.py [--frames 64] [--rounds 21] [-o preprocess.json]
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from print_json import figures_parser, show

from ptychoscope import _core
from ptychoscope.bench.timing import cpu_seconds
from ptychoscope.preprocess.frame_steps import FrameSteps

DETECTOR, WINDOW = 512, 256


def plain_numpy(frames: NDArray[Any], steps: FrameSteps) -> NDArray[np.float32]:
    """Window, mask, bins, root: what `steps` do, as one writes it down."""
    (y, x), side, b, p = steps.corner_px, steps.window_px, steps.bin, steps.out_side
    window = frames[:, y : y + side, x : x + side]
    measured = window < 65535
    if steps.mask is not None:
        measured &= ~steps.mask[y : y + side, x : x + side]
    counts = np.where(measured, window, 0).reshape(-1, p, b, p, b).sum((2, 4), dtype=np.uint32)
    good = measured.reshape(-1, p, b, p, b).sum((2, 4), dtype=np.int32)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = counts * (np.float32(b * b) / good.astype(np.float32))
    return np.where(2 * good < b * b, np.float32(-1), np.sqrt(scaled, dtype=np.float32))


def mask_only_numpy(
    frames: NDArray[Any], steps: FrameSteps, weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The same where nothing but the mask, known beforehand, is left out: the least that numpy must do."""
    (y, x), side, b, p = steps.corner_px, steps.window_px, steps.bin, steps.out_side
    window = frames[:, y : y + side, x : x + side] * ~steps.mask[y : y + side, x : x + side]
    counts = window.reshape(-1, p, b, p, b).sum((2, 4), dtype=np.uint32)
    return np.where(weights < 0, np.float32(-1), np.sqrt(counts * np.maximum(weights, 0), dtype=np.float32))


def measure(frames: NDArray[Any], b: int, rounds: int) -> dict[str, float]:
    """Microseconds of CPU time per frame, the median of `rounds`."""
    mask = np.random.default_rng(1).random((DETECTOR, DETECTOR)) < 1e-3
    mask[250:254] = True
    steps = FrameSteps.about(
        (256, 256),
        WINDOW,
        detector_px=(DETECTOR, DETECTOR),
        bin=b,
        mask=mask,
        all_ones=True,
        output="amplitude",
    )
    (y, x), p = steps.corner_px, steps.out_side
    good = (~mask[y : y + WINDOW, x : x + WINDOW]).reshape(p, b, p, b).sum((1, 3)).astype(np.float32)
    weights = np.where(2 * good < b * b, -1, b * b / np.maximum(good, 1)).astype(np.float32)
    found = steps.apply(frames)
    np.testing.assert_allclose(found, plain_numpy(frames, steps), rtol=1e-6)
    np.testing.assert_allclose(found, mask_only_numpy(frames, steps, weights), rtol=1e-6)
    out = np.empty_like(found)
    spent = cpu_seconds(
        {
            "ours": lambda: steps.apply(frames, out=out),
            "numpy": lambda: plain_numpy(frames, steps),
            "numpy_mask_only": lambda: mask_only_numpy(frames, steps, weights),
        },
        rounds=rounds,
    )
    each = {name: 1e6 * seconds / len(frames) for name, seconds in spent.items()}
    return {
        "bin": b,
        **{f"{name}_us_per_frame": round(us, 2) for name, us in each.items()},
        "times_numpy": round(each["numpy"] / each["ours"], 1),
        "times_numpy_mask_only": round(each["numpy_mask_only"] / each["ours"], 1),
    }


def main() -> None:
    asked = figures_parser(__doc__, frames=64, rounds=21).parse_args()
    frames = np.random.default_rng(0).poisson(4, (asked.frames, DETECTOR, DETECTOR)).astype(np.uint16)
    result = {
        "frames": f"{asked.frames} of {DETECTOR} x {DETECTOR} uint16, window {WINDOW}, mask, root, 1 thread",
        "isa": _core.active_isa(),
        "rows": [measure(frames, b, asked.rounds) for b in (4, 2, 1)],
    }
    show(result, asked.output)


if __name__ == "__main__":
    main()
