"""Patches, positions and windows that the stitching tests share."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ptychoscope import Canvas
from ptychoscope import stitch_reference as reference


@dataclass
class Scene:
    """One thing to stitch."""

    patches: NDArray[np.complex64]
    positions: NDArray[np.float64]
    shape: tuple[int, int]
    window: NDArray[np.float32] | None = None
    stitched: dict[str, reference.Stitched] = field(default_factory=dict)

    def canvas(
        self, interpolation="cubic", accumulate="float32", threads=1, values="complex", **options
    ) -> Canvas:
        canvas = Canvas(self.shape, self.window, interpolation, accumulate, threads, **options)
        patches = self.patches if values == "complex" else self.planes
        canvas.add(patches, self.positions, values=values, warn=False)
        return canvas

    @property
    def planes(self) -> NDArray[np.float32]:
        """(n, 2, P, Q) real and imaginary parts."""
        return np.stack([self.patches.real, self.patches.imag], axis=1)

    def reference(self, interpolation="cubic") -> reference.Stitched:
        if interpolation not in self.stitched:
            patches, positions = torch.tensor(self.patches), torch.tensor(self.positions)
            window = None if self.window is None else torch.tensor(self.window)
            self.stitched[interpolation] = reference.stitch(
                patches, positions, self.shape, window, interpolation
            )
        return self.stitched[interpolation]


def make_scene(
    seed=0, n=40, patch_shape=(16, 16), shape=(61, 83), windowed=True, beyond_px=0.0, whole=False
) -> Scene:
    """Random patches of modulus about 1 at random positions, up to `beyond_px` outside the canvas."""
    rng = np.random.default_rng(seed)
    low, high = -np.full(2, beyond_px), np.array(shape) + beyond_px
    positions = rng.uniform(low, high, (n, 2))
    patches = rng.normal(size=(n, *patch_shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    window = np.hanning(patch_shape[0] + 2)[1:-1, None] * np.hanning(patch_shape[1] + 2)[None, 1:-1]
    return Scene(
        patches,
        np.round(positions) if whole else positions,
        shape,
        window.astype(np.float32) if windowed else None,
    )


SUM_ALONE = {"spread": False, "coverage": False}
"""Options of a canvas that keeps the weighted sum and nothing else."""


def image_tolerance(accumulate: str, n: int) -> float:
    """Of the largest modulus. Sums in float32 age as they grow; the others carry the products' rounding."""
    if accumulate != "float32":
        return 3e-7
    return 2e-6 if n <= 2000 else 5e-6 if n <= 10_000 else 1e-5


def planes(canvas: Canvas) -> tuple[bytes, ...]:
    """The bits of everything that a canvas shows."""
    return canvas.image().tobytes(), canvas.coverage().tobytes(), canvas.spread().tobytes()
