"""Every benchmark runs, and prints what it measured under the names that others read."""

import json
from pathlib import Path

import pytest

from ptychoscope import _core, cli
from ptychoscope.bench import pipeline
from ptychoscope.bench.peer_ptychi import lsqml_images
from ptychoscope.bench.refine import print_tables
from ptychoscope.bench.timing import cpu_seconds, wall_seconds
from ptychoscope.errors import BundleError, ConfigError
from ptychoscope.inference.load import load_model
from ptychoscope.io import save_scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

TINY_BUNDLE = Path(__file__).parents[1] / "data" / "tiny_bundle"
TINY_STITCH = ("stitch", "--patch", "16", "-n", "20", "--canvas", "64", "--rounds", "1")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", *map(str, arguments)])
    return int(end.value.code or 0)


def measured(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_stitch(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, *TINY_STITCH)
    assert found["read_bytes_per_s"] > 0
    assert {row["mode"] for row in found["rows"]} >= {"real_imag", "float16", "nearest", "exact", "spread"}
    for row in found["rows"]:
        assert row.keys() == {
            "mode", "isa", "threads", "patch_px", "n", "canvas_px", "caches", "patches_per_s",
            "floor_fraction", "baseline", "baseline_patches_per_s", "ratio",
        }  # fmt: skip
        assert row["ratio"] == pytest.approx(row["patches_per_s"] / row["baseline_patches_per_s"])
    for row in found["live"]:
        assert row.keys() == {"canvas_px", "patch_px", "batch", "median_us", "p99_us"}
        assert 0 < row["median_us"] <= row["p99_us"]


def test_stitch_on_an_emulated_device(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, *TINY_STITCH, "--device", "host")
    assert found["copy_bytes_per_s"] > 0
    assert {"real_imag", "exact", "atomics"} <= {row["mode"] for row in found["rows"]}
    for row in found["rows"]:
        assert row.keys() == {
            "mode", "device", "patch_px", "n", "canvas_px", "patches_per_s", "patches_per_s_with_calls",
            "bound_fraction",
        }  # fmt: skip
        assert row["patches_per_s"] >= row["patches_per_s_with_calls"] > 0
        assert 0 < row["bound_fraction"] < 1


@pytest.mark.skipif(_core.cuda_devices() > 0, reason="there is a CUDA device")
def test_stitch_without_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY_STITCH, "--device", "cuda") == 2
    assert "--device cpu works without a device" in capsys.readouterr().err


def test_model(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, "model", TINY_BUNDLE, "--batch", 1, "--batch", 8, "--rounds", 1)
    assert found["conv_peak_gflop_per_s"] is None
    assert [row["batch"] for row in found["rows"]] == [1, 8]
    for row in found["rows"]:
        assert row.keys() == {
            "network", "runtime", "precision", "batch", "threads", "frames_per_s", "cpu_ms_per_frame",
            "session_cpu_ms_per_frame", "of_peak",
        }  # fmt: skip
        assert row["frames_per_s"] == pytest.approx(1e3 / row["cpu_ms_per_frame"])
        assert row["runtime"] == "onnxruntime"


def test_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, "pipeline", TINY_BUNDLE, "--frames", 64, "--batch", 16, "--rounds", 1)
    assert [row["align"] for row in found["rows"]] == ["none", "global"]
    for row in found["rows"]:
        assert row.keys() == {
            "network", "precision", "merge", "align", "runner", "batch", "threads", "frames_per_s",
            "cpu_ms_per_frame", "session_cpu_ms_per_frame", "ratio", "between",
        }  # fmt: skip
        assert (row["network"], row["runner"]) == ("tiny_bundle", "graph")
        assert (row["batch"], row["threads"]) == (16, 2)
        assert row["frames_per_s"] > 0
        assert row["ratio"] == pytest.approx(row["cpu_ms_per_frame"] / row["session_cpu_ms_per_frame"])


def test_pipeline_needs_a_probe_to_simulate_with() -> None:
    model = load_model(TINY_BUNDLE)
    model.probe = None
    with pytest.raises(BundleError, match="choose another bundle"):
        pipeline.counts_scan(model, 4)


def test_refine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_scan(simulate_scan(SimulationConfig(patch_px=32, rows=9, columns=9)), tmp_path / "small.npz")
    found = measured(capsys, "refine", tmp_path / "small.npz", "--rounds", 1)
    assert found.keys() == {"isa", "speed", "threads", "stream", "quality"}
    assert [row["window_px"] for row in found["speed"]] == [32, 64, 128, 256]
    assert all(row["sub-pixel"] > 0 for row in found["speed"])
    assert found["threads"][0].keys() == {"scan", "threads", "one_s", "several_s", "gain", "same_bits"}
    assert found["threads"][0]["same_bits"] is True
    assert found["stream"][0]["frames_per_s"] > 0
    assert found["stream"][0]["nrmse_after_3_sweeps"] < found["stream"][0]["nrmse_at_end"]
    assert [row["sweeps"] for row in found["quality"]] == [1, 2, 3, 5, 10, 20]
    assert found["quality"][0].keys() == {
        "scan", "start", "sweeps", "cpu_s", "us_per_frame", "nrmse", "amp_ssim", "amp_psnr_db", "phase_ssim",
        "phase_psnr_db",
    }  # fmt: skip
    assert found["quality"][4]["nrmse"] < found["quality"][0]["nrmse"]
    print_tables(found)
    said = capsys.readouterr().out
    assert "small: quality" in said
    assert f"{found['quality'][-1]['nrmse']:.4f}" in said


@pytest.mark.parametrize(
    ("python", "said"), [("/bin/false", "could not run pty-chi"), ("/no/python", "cannot be")]
)
def test_an_interpreter_without_ptychi_is_an_error_of_ours(python: str, said: str) -> None:
    scan = simulate_scan(SimulationConfig(patch_px=16, rows=2, columns=2))
    with pytest.raises(ConfigError, match=said):
        lsqml_images([scan], Path(python), [1])


def test_peers_have_the_published_sizes() -> None:
    torch = pytest.importorskip("torch", reason="peers are torch networks")
    from ptychoscope.bench.peer_networks import flops, peers

    published = {"ptychonn": (1_247_074, 0.8045), "ptychopinn": (2_328_370, 1.6043)}
    for name, network in peers().items():
        parameters, gflop = published[name]
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(parameters, rel=0.01)
        frame = torch.rand(1, 1, 64, 64)
        assert flops(network, (frame,)) / 1e9 == pytest.approx(gflop, rel=0.02)
        assert network(frame).shape == (1, 2, 64, 64)


def test_what_is_slower_takes_longer() -> None:
    spent = cpu_seconds({"short": lambda: sum(range(1000)), "long": lambda: sum(range(200_000))}, rounds=3)
    assert spent["long"] > 10 * spent["short"]
    assert wall_seconds(lambda: sum(range(200_000)), rounds=2) > 0
