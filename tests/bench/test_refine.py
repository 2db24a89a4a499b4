"""The benchmark runs, and prints the figures under the names that others read."""

import json

import pytest

from ptychoscope import cli
from ptychoscope.io import save_scan
from ptychoscope.simulate import SimulationConfig, simulate_scan


def bench(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "refine", "--rounds", "1", *arguments])
    assert not end.value.code
    return capsys.readouterr().out


def test_the_figures(tmp_path, capsys):
    save_scan(simulate_scan(SimulationConfig(patch_px=32, rows=9, columns=9)), tmp_path / "small.npz")
    figures = json.loads(bench(capsys, str(tmp_path / "small.npz"), "--json"))
    assert [row["window_px"] for row in figures["speed"]] == [32, 64, 128, 256]
    assert all(row["sub-pixel"] > 0 for row in figures["speed"])
    assert figures["threads"][0]["same_bits"] is True
    assert figures["stream"][0]["nrmse_after_3_sweeps"] < figures["stream"][0]["nrmse_at_end"]
    quality = figures["quality"]
    assert [row["sweeps"] for row in quality] == [1, 2, 3, 5, 10, 20]
    assert quality[4]["nrmse"] < quality[0]["nrmse"]
    assert "quality" in bench(capsys, str(tmp_path / "small.npz"))
