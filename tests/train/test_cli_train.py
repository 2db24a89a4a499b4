"""`ptychoscope train` from a file to a run folder."""

import json
from pathlib import Path

import pytest

from ptychoscope import cli
from ptychoscope.io import save_scan
from ptychoscope.scan import Scan

pytest.importorskip("lightning")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["train", *map(str, arguments)])
    return end.value.code or 0


def test_options_reach_the_configuration(
    small_scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(small_scan, tmp_path / "scan.npz")
    folder = tmp_path / "run"
    options = {"gridsize": 2, "n-images": 3, "batch-size": 1, "max-epochs": 2, "seed": 7, "threads": 1}
    options |= {"test": tmp_path / "scan.npz", "device": "cpu", "logger": "none", "max-time": 500}
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    assert run(tmp_path / "scan.npz", "-o", folder, *flags, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["steps"], said["stopped_by"]) == (6, "max_epochs")
    config = json.loads((folder / "config.json").read_text())
    assert (config["group_size"], config["groups_per_epoch"], config["seed"]) == (4, 3, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "nonsense"], "nonsense"),
        (["--device", "cuda:9"], "cuda:9"),
        (["--loss", "l3"], "l3"),
        (["--max-epochs", "0"], "max_epochs"),
        (["--orientation", "spin"], "spin"),
    ],
)
def test_wrong_options_are_named_in_one_line(
    small_scan: Scan,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    save_scan(small_scan, tmp_path / "scan.npz")
    assert run(tmp_path / "scan.npz", "-o", tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()
