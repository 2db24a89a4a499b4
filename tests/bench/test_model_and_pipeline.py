"""The benchmarks run, and print the figures under the names that others read."""

import json
from pathlib import Path

import pytest

from ptychoscope import cli
from ptychoscope.bench.timing import cpu_seconds, wall_seconds


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", *arguments, "--json"])
    assert not end.value.code
    return json.loads(capsys.readouterr().out)["rows"]


def test_pipeline(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = figures(capsys, "pipeline", str(tiny), "--frames", "64", "--batch", "16", "--rounds", "2")
    assert [row["align"] for row in rows] == ["none", "global"]
    for row in rows:
        assert (row["network"], row["batch"], row["threads"]) == ("tiny_bundle", 16, 2)
        assert row["frames_per_s"] > 0
        assert row["ratio"] == pytest.approx(row["cpu_ms_per_frame"] / row["session_cpu_ms_per_frame"])


def test_model(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = figures(capsys, "model", str(tiny), "--batch", "1", "--batch", "8", "--rounds", "2")
    assert [row["batch"] for row in rows] == [1, 8]
    for row in rows:
        assert row["frames_per_s"] == pytest.approx(1e3 / row["cpu_ms_per_frame"])
        assert row["runtime"] == "onnxruntime"


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
