"""The report of a real training shows what it promises, and stands alone."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import far_field, make_scan
from ptychoscope.scan import Scan

pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, TrainResult, train
from ptychoscope.train.report.report import collect, write_report


@pytest.fixture(scope="module")
def scan() -> Scan:
    """64 frames with a dead row; pixels of 20 nm."""
    bad = np.zeros((16, 16), bool)
    bad[5] = True
    scan = make_scan(np.random.default_rng(20261123), n_side=8)
    return replace(scan, bad_pixels=bad, pixel_size_m=2e-8)


@pytest.fixture(scope="module")
def result(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    config = TrainConfig(width=4, threads=1, max_epochs=2, groups_per_epoch=4)
    return train(scan, config, run_dir=tmp_path_factory.mktemp("r") / "run", progress=False, report=True)


def test_the_page_holds_all_and_loads_nothing(result: TrainResult) -> None:
    page = (result.run_dir / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 2 + 4 + 3 * 4 + 1
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"href=|<script|<link|url\(|@import", page)
    for text in (
        "fast, poisson loss, seed 0",
        "groups_per_epoch",
        "half-bit",
        "16 pixels unmeasured",
        " torch ",
    ):
        assert text in page
    for rule in ("width=device-width", "max-width: 100%", "prefers-color-scheme: dark"):
        assert rule in page


def test_what_is_collected_is_what_the_network_sees(result: TrainResult, scan: Scan) -> None:
    data = collect(result.module, scan)
    np.testing.assert_array_equal(data.frames, [0, 21, 42, 63])
    expected = scan.patterns[data.frames].copy()
    expected[:, scan.bad_pixels] = np.nan
    np.testing.assert_array_equal(data.measured, expected)
    y, x = (scan.positions_px[21] - 8 - data.prediction.origin_px).astype(int)
    wave = far_field(scan.probe[0] * data.prediction.object[y : y + 16, x : x + 16])
    np.testing.assert_allclose(data.predicted[1], np.square(np.abs(wave)), rtol=1e-3, atol=1e-2)
    assert data.halves.correlation[1] > 0.5


@pytest.mark.parametrize("frames", [slice(0, 1), [0, 63]])
def test_halves_that_share_nothing_are_not_compared(
    result: TrainResult, scan: Scan, frames: slice | list[int], tmp_path: Path
) -> None:
    few = scan.select(frames)
    assert collect(result.module, few).halves is None
    write_report(tmp_path / "few.html", result.module, few, [])
    page = (tmp_path / "few.html").read_text(encoding="utf-8")
    assert "too small an area" in page
    assert page.count("<img") == 2 + 4 + 3 * len(few)


def test_a_scan_may_have_a_name(result: TrainResult, scan: Scan, tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", result.module, scan, result.history, scan_name="a & <b>", passes=3)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<title>Training report: a &amp; &lt;b&gt;</title>" in page
    assert '<th scope="row">Scan</th><td>a &amp; &lt;b&gt;</td>' in page
    assert "<b>" not in page
