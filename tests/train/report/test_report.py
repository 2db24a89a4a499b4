"""The report shows what it promises, and stands alone."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from optics import far_field, make_scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, train  # noqa: E402
from ptychoscope.train.report.axes import Axis, linear, logarithmic  # noqa: E402
from ptychoscope.train.report.plots import Curve, plot  # noqa: E402
from ptychoscope.train.report.report import look_at  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def test_a_page_with_curves_and_pictures(rng: np.random.Generator, tmp_path: Path) -> None:
    scan = make_scan(rng, n_side=8)
    config = TrainConfig(width=4, threads=1, max_epochs=2, groups_per_epoch=4)
    result = train(scan, config, run_dir=tmp_path / "r", progress=False, report=True)
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    look = look_at(result.module, scan)
    np.testing.assert_array_equal(look.measured, scan.patterns[[0, 21, 42, 63]])
    np.testing.assert_array_equal(look.frames, [0, 21, 42, 63])
    for text in ("fast, poisson loss, seed 0", "max_epochs", "half-bit"):
        assert text in page
    y, x = (scan.positions_px[21] - 8 - look.seen.origin_px).astype(int)
    wave = far_field(scan.probe[0] * look.seen.object[y : y + 16, x : x + 16])
    np.testing.assert_allclose(look.predicted[1], np.square(np.abs(wave)), rtol=1e-3, atol=1e-2)
    assert look.halves.correlation[1] > 0.5


@pytest.mark.parametrize("log_y", [False, True])
def test_a_curve_goes_through_its_points(log_y: bool) -> None:
    ys = [1.0, 10.0, float("nan"), 100.0]
    drawing = ET.fromstring(plot([Curve("a < b", [0, 1, 2, 4], ys)], title="t", x_label="x", log_y=log_y))
    points = [tuple(map(float, p.split(","))) for p in drawing.find(f"{SVG}polyline").get("points").split()]
    assert len(points) == 3
    x, y = np.transpose(points)
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(0.25, abs=1e-2)
    assert (y[0] - y[1]) / (y[0] - y[2]) == pytest.approx(0.5 if log_y else 9 / 99, abs=1e-2)


@pytest.mark.parametrize(
    ("axis", "values", "ticks", "texts"),
    [
        (linear, [0.3, 4.9], [0, 1, 2, 3, 4, 5], ["0", "1", "2", "3", "4", "5"]),
        (linear, [-0.13, 1.0], np.arange(-1, 6) * 0.2, ["-0.2", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (linear, [7.0, 7.0], range(2, 13, 2), ["2", "4", "6", "8", "10", "12"]),
        (logarithmic, [1, 1e4], [1, 10, 100, 1000, 1e4], ["1", "10", "100", "1,000", "10,000"]),
        (logarithmic, [0.1, 0.9], [0.1, 0.2, 0.5], ["0.1", "0.2", "0.5"]),
        (logarithmic, [0.32, 0.335], [0.315, 0.32, 0.325, 0.33, 0.335, 0.34], None),
    ],
)
def test_ticks_are_round_and_lie_in_the_axis(
    axis: Callable[[list[float]], Axis], values: list[float], ticks: list[float], texts: list[str] | None
) -> None:
    made = axis(values)
    np.testing.assert_allclose(made.ticks, ticks, atol=1e-12)
    assert texts is None or made.texts() == texts
    assert made.low <= min(values) <= max(values) <= made.high
    assert [made.part(end) for end in (made.low, made.high)] == pytest.approx([0, 1])


def test_points_and_their_labels_are_drawn() -> None:
    curve = Curve("a", [1, 10, 0], [2, 3, 4], marks=True, line=False, labels=["one", "ten", "never"])
    drawing = ET.fromstring(plot([curve], title="t", x_label="x", log_x=True))
    assert drawing.find(f"{SVG}polyline") is None
    assert len(drawing.findall(f"{SVG}circle")) == 2
    texts = {text.text for text in drawing.iter(f"{SVG}text")}
    assert {"one", "ten"} <= texts
    assert "never" not in texts


def test_nothing_to_draw_is_said() -> None:
    assert "nothing to show" in plot([Curve("a", [1], [float("nan")])], title="t", x_label="x")
