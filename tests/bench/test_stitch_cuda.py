"""The benchmark of the device runs, on the host where there is none, and says so when it cannot."""

import json

import pytest

from ptychoscope import _core, cli


def bench(*arguments: str) -> int:
    size = ["--patch", "16", "-n", "20", "--canvas", "64", "--rounds", "1"]
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "stitch", *size, *arguments])
    return int(end.value.code or 0)


def test_the_figures(capsys) -> None:
    assert bench("--device", "host", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["copy_bytes_per_s"] > 0
    assert {"real_imag", "exact", "atomics"} <= {row["mode"] for row in figures["rows"]}
    for row in figures["rows"]:
        assert row["patches_per_s"] >= row["patches_per_s_with_calls"] > 0
        assert 0 < row["bound_fraction"] < 1
    assert bench("--device", "host") == 0
    assert "of bound" in capsys.readouterr().out


@pytest.mark.skipif(_core.cuda_devices() > 0, reason="there is a CUDA device")
def test_without_a_device(capsys) -> None:
    assert bench("--device", "cuda") == 2
    assert "--device cpu works without a device" in capsys.readouterr().err
