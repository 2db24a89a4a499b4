"""Color maps are those that users know."""

from typing import get_args

import numpy as np
import pytest

from ptychoscope.option_literals import ColorMap
from ptychoscope.viz.colormaps import apply_colormap, color_table


@pytest.mark.parametrize("colormap", get_args(ColorMap))
def test_the_table_is_matplotlibs(colormap):
    colormaps = pytest.importorskip("matplotlib", reason="matplotlib belongs to the extra train").colormaps
    theirs = colormaps[colormap](np.linspace(0, 1, 256))[:, :3] * 255
    assert np.abs(color_table(colormap) - theirs).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("colormap", "first", "middle", "last"),
    [
        ("gray", "000000", "808080", "ffffff"),
        ("viridis", "440154", "21918c", "fde725"),
        ("magma", "000004", "b73779", "fcfdbf"),
        ("RdBu_r", "053061", "f7f7f7", "67001f"),
        ("twilight", "e2d9e2", "301437", "e2d9e2"),
    ],
)
def test_values_take_the_first_the_middle_and_the_last_color(colormap, first, middle, last):
    values = np.array([[-9.0, 2.0, 3.5, 5.0, 99.0, np.nan]])
    colors = apply_colormap(values, 2, 5, colormap)[0].astype(int)
    expected = [list(bytes.fromhex(c)) for c in (first, first, middle, last, last, first)]
    np.testing.assert_allclose(colors, expected, atol=1)
    assert color_table(colormap).shape == (256, 3)
    assert color_table(colormap).dtype == np.uint8


def test_a_range_of_nothing_is_the_first_color():
    assert (apply_colormap(np.full((2, 2), 7.0), 7, 7, "viridis") == color_table("viridis")[0]).all()
