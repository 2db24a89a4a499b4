"""solve_phases against its definition: unit numbers that make overlapping patches agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope._core import available_isas
from ptychoscope.stitch.phase_sync import solve_phases
from stitch.test_phase_sync import scan

ROWS, COLUMNS = 5, 6


def solved(patches: np.ndarray, positions: np.ndarray, values: str = "complex", **options) -> np.ndarray:
    first, second = patches.real, patches.imag
    if values == "amplitude_phase":
        first, second = np.abs(patches), np.angle(patches)
    return solve_phases(first, second, values, positions, **options)


def misfit_rad(rotations: np.ndarray, phases: np.ndarray) -> float:
    """Largest difference to the inverse of `phases`, after the one factor that nothing tells."""
    residual = rotations * phases
    return float(np.abs(np.angle(residual * np.conj(residual.sum()))).max())


@pytest.mark.parametrize("values", ["complex", "amplitude_phase"])
@pytest.mark.parametrize("side", [32, 33])
@pytest.mark.parametrize("windowed", [True, False])
def test_the_phases_that_were_put_in_come_out(values: str, side: int, windowed: bool) -> None:
    patches, positions, unit = scan(ROWS, COLUMNS, side)
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32) if windowed else None
    rotations = solved(patches * unit[:, None, None], positions, values, window=window)
    np.testing.assert_allclose(np.abs(rotations), 1, atol=1e-6)
    assert misfit_rad(rotations, unit) < 0.01
    assert misfit_rad(np.ones_like(unit), unit) > 1


def test_what_agrees_is_left_alone() -> None:
    patches, positions, _ = scan(ROWS, COLUMNS)
    np.testing.assert_allclose(solved(patches, positions), 1, atol=0.01)
    whole = np.rint(positions)
    equal = np.full_like(patches, 0.3 - 0.8j)
    np.testing.assert_allclose(solved(equal, whole), 1, atol=1e-5)


@given(st.floats(-3, 3), st.permutations(range(12)))
def test_a_common_phase_and_the_order_change_nothing(phase: float, order: list[int]) -> None:
    """But for which of two patches is interpolated onto the other."""
    patches, positions, unit = scan(3, 4, noise=0.3)
    patches = patches * np.exp(0.3j * np.angle(unit))[:, None, None]
    first = solved(patches, positions)
    second = solved((patches * np.exp(1j * phase)).astype(np.complex64)[order], positions[order])
    np.testing.assert_allclose(second, first[order], atol=1e-2)


def test_a_long_row_is_solved_to_its_end() -> None:
    """The gap to the second eigenvector closes with the length: the start must be exact already."""
    patches, positions, unit = scan(1, 600)
    assert misfit_rad(solved(patches * unit[:, None, None], positions), unit) < 0.2


def test_dense_rows_hold_together_across() -> None:
    """The eight nearest of every frame lie in its own row."""
    patches, _, unit = scan(4, 30, 16)
    patches[:] = 1
    positions = np.stack(np.meshgrid(np.arange(4) * 12.0, np.arange(30.0), indexing="ij"), -1).reshape(-1, 2)
    assert misfit_rad(solved(patches * unit[:, None, None], positions), unit) < 1e-3


def test_parts_that_do_not_touch_are_solved_alone() -> None:
    patches, positions, unit = scan(3, 4)
    apart = np.concatenate([positions, positions + 1000, [[5000.0, 0.0]]])
    twice = np.concatenate([patches, patches * unit[:, None, None], patches[:1] * 1j])
    rotations = solved(twice, apart)
    np.testing.assert_allclose(rotations[:12], 1, atol=0.01)
    assert misfit_rad(rotations[12:24], unit) < 0.01
    assert rotations[24] == 1


@pytest.mark.parametrize("spoilt", ["patch", "position", "dark"])
def test_a_spoilt_patch_keeps_its_phase_and_harms_no_other(spoilt: str) -> None:
    patches, positions, unit = scan(ROWS, COLUMNS)
    patches = patches * unit[:, None, None]
    if spoilt == "position":
        positions[7, 1] = np.nan
    else:
        patches[7, 3, 4] = np.nan
        if spoilt == "dark":
            patches[7] = 0
    rotations = solved(patches, positions)
    assert rotations[7] == 1
    others = np.arange(len(unit)) != 7
    assert misfit_rad(rotations[others], unit[others]) < 0.01


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_patches(count: int) -> None:
    patches, _, unit = scan(1, 2)
    patches[1] = patches[0]
    scrambled = (patches * unit[:2, None, None])[:count]
    rotations = solved(scrambled, np.full((count, 2), 3.5))
    assert rotations.shape == (count,)
    assert count == 0 or misfit_rad(rotations, unit[:count]) < 1e-3
    assert count != 1 or rotations[0] == 1


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("shape", [(21, 34), (16, 16)])
def test_the_leading_eigenvector_of_the_overlaps(
    isa: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definition, dense: every pair that overlaps, sums over interpolated pixels, float64."""
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    rng = np.random.default_rng(7)
    planes = rng.normal(size=(2, 14, *shape)).astype(np.float32)
    planes[0] += 1
    window = rng.uniform(0.2, 3, shape).astype(np.float32)
    positions = rng.uniform(0, 22, (14, 2))
    matrix = np.zeros((14, 14), np.complex128)
    weighted = (planes[0] + 1j * planes[1]) * window
    for k in range(14):
        for other in range(k + 1, 14):
            matrix[k, other] = overlap(weighted[k], weighted[other], positions[other] - positions[k])
    matrix += matrix.conj().T
    root = np.sqrt(np.abs(matrix).sum(axis=1))
    vector = np.linalg.eigh(matrix / np.outer(root, root))[1][:, -1]
    unit = vector / np.abs(vector)
    common = (unit * (np.abs(weighted) ** 2).sum(axis=(1, 2))).sum()
    got = solve_phases(planes[0], planes[1], "real_imag", positions, window, per_side=14)
    np.testing.assert_allclose(got, unit * np.conj(common) / abs(common), atol=2e-3)


def overlap(patch: np.ndarray, other: np.ndarray, offset: np.ndarray) -> complex:
    """sum conj(patch) other, where `other` lies at `offset` pixels: pixel by pixel."""
    total = 0j
    for y, x in np.ndindex(patch.shape):
        at = np.array([y, x]) - offset
        low = np.floor(at).astype(int)
        if (low < 0).any() or (np.ceil(at) >= other.shape).any():
            continue
        (v, u), (b, a) = low, at - low
        value = (
            (1 - b) * (1 - a) * other[v, u]
            + (1 - b) * a * other[v, u + 1]
            + b * (1 - a) * other[v + 1, u]
            + b * a * other[v + 1, u + 1]
        )
        total += np.conj(patch[y, x]) * value
    return complex(total)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_what_a_batch_looks_like_changes_nothing(dtype: type) -> None:
    patches, positions, unit = scan(3, 4, 33)
    planes = np.stack([(patches * unit[:, None, None]).real, (patches * unit[:, None, None]).imag], 1)
    planes = planes.astype(dtype)
    wide = np.zeros((12, 2, 33, 80), dtype)
    wide[..., ::-1][..., 1:67:2] = planes
    strided = wide[..., ::-1][..., 1:67:2]
    plain = solve_phases(planes[:, 0], planes[:, 1], "real_imag", positions)
    np.testing.assert_array_equal(solve_phases(strided[:, 0], strided[:, 1], "real_imag", positions), plain)
    assert misfit_rad(plain, unit) < 0.01
