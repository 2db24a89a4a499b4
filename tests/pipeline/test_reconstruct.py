"""reconstruct: what is stitched is what the model predicts, where the positions say."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from optics import between_pixels, lit_probe, make_scan
from ptychoscope import cli
from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_config import StitchSpec
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.io import load_reconstruction, save_scan
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.pipeline.loop import run
from ptychoscope.pipeline.patch_sinks import CanvasSink
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.windows import make_window

SIDE = 16


@pytest.fixture(scope="module")
def model(tiny_model: Model) -> Model:
    return tiny_model


@pytest.fixture(scope="module")
def scan() -> Scan:
    return between_pixels(make_scan(np.random.default_rng(8), side=SIDE), offset_px=(300.0, -40.0))


def stitched(scan: Scan, patches: np.ndarray, window: np.ndarray | None, crop_px: int = 0) -> Canvas:
    """As the model of these tests says: cubic."""
    extent = canvas_extent(scan.positions_px, (SIDE, SIDE))
    canvas = Canvas(extent.shape, window, "cubic", crop_px=crop_px)
    canvas.add(patches, extent.to_canvas(scan.positions_px))
    return canvas


def test_it_stitches_what_the_model_predicts(model: Model, scan: Scan) -> None:
    result = reconstruct(scan, model, align="none")
    patches = model.predict(scan.patterns, domain="counts", probe=scan.probe, batch=64)
    canvas = stitched(scan, patches, make_window("probe", model.patch_px, scan.probe))
    np.testing.assert_array_equal(result.object, canvas.image())
    np.testing.assert_array_equal(result.coverage, canvas.coverage())
    np.testing.assert_array_equal(result.spread, canvas.spread())
    assert result.origin_px == canvas_extent(scan.positions_px, (SIDE, SIDE)).origin_px
    np.testing.assert_array_equal(result.positions_px, scan.positions_px)
    np.testing.assert_array_equal(result.probe, scan.probe)
    assert result.pixel_size_m == 1e-8
    assert np.abs(result.object).std() > 0.01


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_stitcher_threads_do_not_change_a_bit(model: Model, scan: Scan, threads: int) -> None:
    one = reconstruct(scan, model, batch=5)
    other = reconstruct(scan, model, batch=5, threads=threads)
    assert other.object.tobytes() == one.object.tobytes()
    assert other.spread.tobytes() == one.spread.tobytes()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_do_not_change_a_bit(model: Model, scan: Scan, workers: int) -> None:
    one = reconstruct(scan, model, batch=3)
    other = reconstruct(scan, model, batch=3, workers=workers)
    assert other.object.tobytes() == one.object.tobytes()


@pytest.mark.parametrize("batch", [1, 7, 36, 1000])
def test_batches_change_no_more_than_rounding(model: Model, scan: Scan, batch: int) -> None:
    np.testing.assert_allclose(
        reconstruct(scan, model, batch=batch).object, reconstruct(scan, model).object, atol=1e-5
    )


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "cubic", "lanczos3"])
@pytest.mark.parametrize("window", ["probe", "none", "hann", "box"])
def test_options_reach_the_canvas(model: Model, scan: Scan, interpolation: str, window: str) -> None:
    result = reconstruct(scan, model, interpolation=interpolation, window=window, align="none")
    weights = make_window(window, model.patch_px, scan.probe)
    extent = canvas_extent(scan.positions_px, (SIDE, SIDE))
    canvas = Canvas(extent.shape, weights, interpolation=interpolation)
    patches = model.predict(scan.patterns, domain="counts", probe=scan.probe, batch=64)
    canvas.add(patches, extent.to_canvas(scan.positions_px))
    np.testing.assert_array_equal(result.object, canvas.image())
    assert result.provenance["interpolation"] == interpolation


@pytest.mark.parametrize("align", ["sequential", "global"])
def test_patches_are_aligned_whatever_the_batch(model: Model, scan: Scan, align: str) -> None:
    extent = canvas_extent(scan.positions_px, (SIDE, SIDE))
    weights = make_window("probe", model.patch_px, scan.probe)
    canvas = Canvas(extent.shape, weights, model.config.stitch.interpolation, align=align)
    canvas.add(
        model.predict(scan.patterns, domain="counts", probe=scan.probe, batch=64),
        extent.to_canvas(scan.positions_px),
    )
    result = reconstruct(scan, model, batch=5, align=align)
    np.testing.assert_allclose(result.object, canvas.image(), atol=1e-3)
    assert result.provenance["align"] == align


def test_a_window_of_ones_own(model: Model, scan: Scan) -> None:
    weights = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    result = reconstruct(scan, model, window=weights, align="none")
    patches = model.predict(scan.patterns, domain="counts", probe=scan.probe, batch=64)
    np.testing.assert_array_equal(result.object, stitched(scan, patches, weights).image())


def test_the_inner_crop_leaves_the_border_out(forge: Callable[..., Path], scan: Scan) -> None:
    stitch = StitchSpec(window="none", inner_crop_px=3)
    model = load_model(forge(stitch=stitch), threads=1)
    patches = model.predict(scan.patterns, domain="counts", probe=scan.probe, batch=64)
    result = reconstruct(scan, model, align="none")
    np.testing.assert_array_equal(result.object, stitched(scan, patches, None, crop_px=3).image())


@pytest.mark.filterwarnings("ignore:as given")
@pytest.mark.parametrize(("choice", "source"), [(None, "scan"), ("scan", "scan"), ("model", "model")])
def test_whose_probe(model: Model, scan: Scan, choice: str | None, source: str) -> None:
    result = reconstruct(scan, model, probe=choice)
    assert result.provenance["probe"] == source
    np.testing.assert_array_equal(result.probe, scan.probe if source == "scan" else model.probe)


@pytest.mark.filterwarnings("ignore:as given")
def test_a_scan_without_probe_uses_the_models(model: Model, scan: Scan) -> None:
    with pytest.warns(ScanWarning, match="the model's own is taken.*--probe model"):
        result = reconstruct(scan.with_probe(None), model)
    np.testing.assert_array_equal(result.object, reconstruct(scan, model, probe="model").object)
    with pytest.raises(ScanError, match="no probe"):
        reconstruct(scan.with_probe(None), model, probe="scan")


def test_progress_and_report(model: Model, scan: Scan) -> None:
    seen: list[int] = []
    extent = canvas_extent(scan.positions_px, (SIDE, SIDE))
    slot, sink = ModelSlot(model, probe=scan.probe), CanvasSink(Canvas(extent.shape), extent)
    report = run(ScanSource(scan, batch=10), slot, [sink], workers=2, progress=seen.append)
    assert seen == [10, 20, 30, 36]
    assert report.frames == 36
    assert report.models == [(model.digest, 36)]
    assert set(report.stages_cpu_s) == {"read", "network", "sinks"}
    assert all(spent >= 0 for spent in report.stages_cpu_s.values())
    assert report.frames_per_s == pytest.approx(36 / report.seconds)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "--batch must be at least 1"),
        ({"window": "cosine"}, "window must be"),
        ({"window": np.ones((3, 3))}, "as large as the model's patches"),
        ({"interpolation": "quintic"}, "interpolation"),
        ({"probe": "mine"}, "probe must be"),
        ({"threads": 0}, "threads"),
        ({"workers": 0}, "workers"),
        ({"merge": "all"}, "merge must be"),
        ({"merge": "scan"}, "several passes"),
        ({"projections": -1}, "at least 0"),
        ({"projections": 2, "merge": "none"}, "not determined"),
    ],
)
def test_impossible_options_are_refused(model: Model, scan: Scan, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        reconstruct(scan, model, **options)


def test_scans_that_do_not_fit_are_refused(model: Model, scan: Scan) -> None:
    with pytest.raises(ScanError, match="no frames"):
        reconstruct(scan.select(slice(0, 0)), model)
    with pytest.raises(ScanError, match="use a model of that size"):
        reconstruct(make_scan(np.random.default_rng(1), side=32), model, probe="model", window="none")
    with pytest.raises(ScanError, match=r"takes a probe of shape \(1, 16, 16\)"):
        reconstruct(scan.with_probe(lit_probe(SIDE, 1e5, 2)), model)


def test_the_command(
    tiny: Path, scan: Scan, tmp_path: Path, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(scan, tmp_path / "scan.npz")
    arguments = [
        "run",
        "scan.npz",
        "--model",
        str(tiny),
        "--refine",
        "0",
        "-o",
        "object.h5",
        "--picture",
        "object.png",
    ]
    arguments = [str(tmp_path / a) if "." in a and "/" not in a else a for a in arguments]
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, "--threads", "1", "--batch", "16", "--json"])
    assert end.value.code == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == len(scan)
    assert figures["model_sha256"] == model.digest
    assert (tmp_path / "object.png").stat().st_size > 1000
    back = load_reconstruction(tmp_path / "object.h5")
    np.testing.assert_allclose(back.object, reconstruct(scan, model, batch=16).object, atol=1e-4)
    assert list(back.origin_px) == figures["origin_px"]
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert f"{len(scan)} frames" in capsys.readouterr().out


def test_the_faster_use_of_the_threads_is_measured_and_said(
    tiny: Path, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(scan, tmp_path / "scan.npz")
    arguments = ["run", str(tmp_path / "scan.npz"), "--model", str(tiny), "-o", str(tmp_path / "o.h5")]
    for threads in ("1", "2"):
        with pytest.raises(SystemExit) as end:
            cli.main([*arguments, "--threads", threads, "--parallel", "auto", "--json"])
        assert not end.value.code
        captured = capsys.readouterr()
        chosen = "across" if "--parallel across" in captured.err else "within"
        assert ("frames/s" in captured.err) == (threads == "2")
        assert json.loads(captured.out)["workers"] == (int(threads) if chosen == "across" else 1)


def test_a_replay_keeps_the_merge_and_the_projections(unrolled: Model, scan: Scan) -> None:
    """Batches of a replay are neighbours to a network of several passes, as they are in `merge="batch"`."""
    options = {"refine": 0, "refine_window": 8, "batch": 12}
    plain = reconstruct(scan, unrolled, merge="none", **options)
    merged = reconstruct(scan, unrolled, **options)
    projected = reconstruct(scan, unrolled, projections=2, **options)
    assert (merged.provenance["merge"], plain.provenance["merge"]) == ("batch", "none")
    assert projected.provenance["projections"] == 2
    assert not np.array_equal(plain.object, merged.object)
    assert not np.array_equal(projected.object, merged.object)


@pytest.mark.parametrize(("threads", "workers"), [(1, 3), (2, 1), (2, 2)])
def test_a_replay_does_not_depend_on_its_threads(
    model: Model, scan: Scan, threads: int, workers: int
) -> None:
    options = {"refine": 1, "refine_window": 8, "batch": 6}
    one = reconstruct(scan, model, **options)
    other = reconstruct(scan, model, threads=threads, workers=workers, **options)
    assert other.object.tobytes() == one.object.tobytes()
    assert other.provenance["workers"] == workers


def test_the_solver_alone_and_after_the_network(model: Model, scan: Scan) -> None:
    alone = reconstruct(scan, refine=3)
    np.testing.assert_array_equal(alone.object, refine_scan(scan, sweeps=3).object)
    after = reconstruct(scan, model, refine=3, seed=2)
    image = reconstruct(scan, model)
    np.testing.assert_array_equal(after.object, refine_scan(scan, sweeps=3, start=image, seed=2).object)
