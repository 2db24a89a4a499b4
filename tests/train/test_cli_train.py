"""`ptychoscope train` from a file to a run folder."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from ptychoscope import cli
from ptychoscope.io import save_scan
from ptychoscope.scan import Scan

from .conftest import AtStep

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


QUICK = "--n-groups 4 --group-size 4 --batch-size 1 --threads 1 --max-steps 8"


def test_ctrl_c_says_how_to_go_on(
    small_scan: Scan, tmp_path: Path, at_step: AtStep, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(small_scan, tmp_path / "scan.npz")
    line = [tmp_path / "scan.npz", "-o", tmp_path / "run", *QUICK.split()]
    at_step(1, lambda: signal.raise_signal(signal.SIGINT))
    assert run(*line) == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert run(*line, "--resume", "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 8


WITHOUT_RICH = """
import importlib.metadata as metadata, sys
known = metadata.version

def version(name):
    if name == "rich":
        raise metadata.PackageNotFoundError(name)
    return known(name)

metadata.version, sys.modules["rich"] = version, None
from ptychoscope import cli
cli.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_the_bar_needs_nothing_that_training_does_not_bring(small_scan: Scan, tmp_path: Path) -> None:
    """On a terminal, where rich, which only tools for development bring, is not there."""
    save_scan(small_scan, tmp_path / "scan.npz")
    line = ["train", str(tmp_path / "scan.npz"), "-o", str(tmp_path / "run"), *QUICK.split()]
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 120))
    command = [sys.executable, "-c", WITHOUT_RICH, *line]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, text=True) as child:
        os.close(end)
        shown = b""
        while part := _read(terminal):
            shown += part
        printed = child.communicate()[0]
    os.close(terminal)
    assert child.returncode == 0, shown.decode()[-2000:]
    assert "Epoch 1: 100%" in shown.decode()
    assert "val_deviance" in shown.decode()
    assert "Epoch" not in printed
    assert "Trained" in printed


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end was closed
        return b""
