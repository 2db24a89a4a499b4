"""Drawings of the benchmarks: whatever they say can be read."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

import stitch_chart
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from quality.chart import Point, chart, free_box, pareto_front, save_svg
from quality.low_dose_panels import Cut, panels_of
from quality.records import read_records

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def quality_chart() -> Figure:
    return chart(read_records(DOCS / "quality.json"))


@pytest.fixture(scope="module")
def stitching_chart() -> Figure:
    figure = stitch_chart.chart(json.loads((DOCS / "stitching.json").read_text()))
    figure.draw_without_rendering()
    return figure


def drawn_texts(figure: Figure) -> list[Text]:
    """All texts but those beside ticks that lie beyond the ends of an axis."""
    beyond = set()
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    texts = figure.findobj(Text)
    return [text for text in texts if text.get_text() and text.get_visible() and text not in beyond]


@pytest.mark.parametrize("name", ["quality_chart", "stitching_chart"])
def test_texts_lie_inside_and_not_on_each_other(name: str, request: pytest.FixtureRequest) -> None:
    figure = request.getfixturevalue(name)
    boxes = {text: text.get_window_extent() for text in drawn_texts(figure)}
    assert len(boxes) > 50
    for text, box in boxes.items():
        assert figure.bbox.contains(*box.p0), text
        assert figure.bbox.contains(*box.p1), text
    for (one, box), (other, second) in combinations(boxes.items(), 2):
        assert not box.overlaps(second), (one, other)


def test_the_same_records_give_the_same_svg(quality_chart: Figure, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save_svg(quality_chart, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "nothing is both faster and better</text>" in (tmp_path / "a.svg").read_text()


def test_a_label_goes_where_it_is_free() -> None:
    inside = Bbox.from_extents(0, 0, 100, 100)
    for centre in ((50, 50), (99, 50), (1, 1), (50, 99)):
        box = free_box(centre, (20, 10), [], inside)
        assert inside.contains(*box.p0)
        assert inside.contains(*box.p1)
        assert not box.contains(*centre)
        assert not free_box(centre, (20, 10), [box], inside).overlaps(box)


def test_the_front_is_what_nothing_beats_in_both() -> None:
    points = [Point(rate, error, "fast", "") for rate, error in ((1, 1), (2, 3), (3, 2), (4, 5))]
    assert pareto_front(points, less_is_better=True) == [points[0], points[2], points[3]]
    assert pareto_front(points, less_is_better=False) == [points[3]]


def test_bars_are_ours_then_those_of_others_by_speed() -> None:
    found = stitch_chart.bars(json.loads((DOCS / "stitching.json").read_text()), 64, 1000, 512)
    groups = [bar.group for bar in found]
    assert groups == sorted(groups, key=list(stitch_chart.COLOURS).index)
    others = [bar.patches_per_s for bar in found if bar.group == "others"]
    assert others == sorted(others, reverse=True)
    assert len({bar.name for bar in found}) == len(found)


def test_every_panel_of_the_noise_figure_is_named() -> None:
    image = np.exp(1j * np.arange(12).reshape(3, 4) / 12)
    panels = panels_of([Cut("truth", image, None), Cut("network", 2 * image, 0.5)])
    assert [panel.title for panel in panels] == [
        "truth: amplitude", "network: amplitude", "truth: phase, rad", "network: phase, rad",
    ]  # fmt: skip
    assert (panels[2].low, panels[2].high) == (panels[3].low, panels[3].high)
    assert panels[2].low == -panels[2].high < 0
