"""Patches with unknown constant phases are brought together; those with none stay as they are."""

import numpy as np
import pytest

from ptychoscope import Canvas
from ptychoscope.errors import ConfigError
from stitch.test_orientation import asymmetric_object


def scan(n_rows: int = 12, n_columns: int = 14, side: int = 32, noise: float = 0.0):
    rng = np.random.default_rng(3)
    rows, columns = np.meshgrid(np.arange(n_rows) * 8.3 + 20, np.arange(n_columns) * 9.1 + 20, indexing="ij")
    positions = np.stack([rows.ravel(), columns.ravel()], axis=1) + rng.uniform(
        -1, 1, (n_rows * n_columns, 2)
    )
    local = np.arange(side) - side // 2
    patches = np.stack([asymmetric_object(y + local[:, None], x + local[None, :]) for y, x in positions])
    patches = patches + noise * (rng.normal(size=patches.shape) + 1j * rng.normal(size=patches.shape))
    unit = np.exp(1j * rng.uniform(-np.pi, np.pi, len(positions)))
    return patches.astype(np.complex64), positions, unit.astype(np.complex64)


def distance(image: np.ndarray, truth: np.ndarray, covered: np.ndarray) -> float:
    """The relative difference after the one phase that nobody can know."""
    a, b = image[covered], truth[covered]
    return float(np.linalg.norm(a * np.exp(1j * np.angle(np.vdot(a, b))) - b) / np.linalg.norm(b))


def stitched(patches, positions, align: str, **options) -> Canvas:
    canvas = Canvas((140, 170), align=align, interpolation="cubic", **options)
    canvas.add(patches, positions)
    return canvas


@pytest.mark.parametrize("align", ["sequential", "global"])
@pytest.mark.parametrize("accumulate", ["float32", "exact"])
def test_random_phases_are_found(align: str, accumulate: str) -> None:
    patches, positions, unit = scan()
    truth = stitched(patches, positions, "none")
    covered = truth.coverage() > 0
    scrambled = patches * unit[:, None, None]
    broken = stitched(scrambled, positions, "none", accumulate=accumulate)
    mended = stitched(scrambled, positions, align, accumulate=accumulate)
    assert distance(broken.image(), truth.image(), covered) > 0.5
    assert distance(mended.image(), truth.image(), covered) < 2e-3
    assert mended.spread()[covered].mean() < 1e-2


@pytest.mark.parametrize("align", ["sequential", "global"])
def test_equal_phases_are_left_alone(align: str) -> None:
    patches, positions, _ = scan()
    plain, aligned = (stitched(patches, positions, a) for a in ("none", align))
    np.testing.assert_allclose(aligned.image(), plain.image(), atol=2e-3)
    np.testing.assert_array_equal(aligned.coverage(), plain.coverage())


def test_global_is_better_than_sequential_on_noise() -> None:
    patches, positions, unit = scan(noise=2.0)
    truth, *_ = scan()
    clean = stitched(truth, positions, "none")
    covered = clean.coverage() > 0
    scrambled = patches * unit[:, None, None]
    errors = {
        align: distance(stitched(scrambled, positions, align).image(), clean.image(), covered)
        for align in ("sequential", "global")
    }
    best = distance(stitched(patches, positions, "none").image(), clean.image(), covered)
    assert errors["global"] < errors["sequential"]
    assert errors["global"] < 1.1 * best


def test_a_second_batch_joins_the_first() -> None:
    patches, positions, unit = scan()
    truth = stitched(patches, positions, "none")
    canvas = Canvas((140, 170), align="global", interpolation="cubic")
    scrambled = patches * unit[:, None, None]
    canvas.add(scrambled[:80], positions[:80])
    canvas.add(scrambled[80:], positions[80:])
    assert distance(canvas.image(), truth.image(), truth.coverage() > 0) < 2e-3


def test_unknown_way_to_align() -> None:
    with pytest.raises(ConfigError, match="align must be one of none, sequential, global, got 'local'"):
        Canvas((4, 4), align="local")
