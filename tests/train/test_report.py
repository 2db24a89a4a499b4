"""The report shows what it promises, and stands alone."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from optics import far_field, make_scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, train  # noqa: E402
from ptychoscope.train.plot import Curve, plot  # noqa: E402
from ptychoscope.train.report import look_at  # noqa: E402

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


def test_nothing_to_draw_is_said() -> None:
    assert "nothing to show" in plot([Curve("a", [1], [float("nan")])], title="t", x_label="x")
