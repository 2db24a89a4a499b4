"""Ctrl-C keeps what is there, says how to go on, and what it says works."""

import json
import re
import shlex
import signal
import subprocess
import sys
import threading

import pytest

from ptychoscope import cli
from ptychoscope.cli.run_files import next_name
from ptychoscope.cli.stop_signals import stop_on_signals
from ptychoscope.io import load_reconstruction

CHILD = """
import os, signal, sys
from ptychoscope import cli
from ptychoscope.refine.refiner import Refiner
sweep, sweeps = Refiner.sweep, 0
signals, after = sys.argv[1].split(","), int(sys.argv[2])

def watched(self, **options):
    global sweeps
    sweeps += options.get("momentum", 0) > 0
    if sweeps == after:
        for name in signals:
            os.kill(os.getpid(), getattr(signal, name))
            import time; time.sleep(0.2)
        sweeps += 1
    return sweep(self, **options)

Refiner.sweep = watched
cli.main(sys.argv[3:])
"""
"""A run that gets signals in the middle of its sweeps, those that carry momentum."""


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    typed(
        "simulate -o scan.npz --patch 16 --rows 9 --columns 9 --step 3 --jitter 1 --sub-pixel --domain counts"
    )
    capsys.readouterr()
    return tmp_path


def typed(line: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(shlex.split(line))
    return end.value.code or 0


def child(signals: str, after: int, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, signals, str(after), *shlex.split(line)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "kept"),
    [
        ("SIGINT", "", []),
        ("SIGTERM", "--refine 30 --refine-positions correct --threads 1",
         ["--refine-positions correct", "--threads 1", "--refine 2"]),
        ("SIGINT", "--effort best --modes 2 --frames 0:70", ["--effort best", "--modes 2", "--frames 0:70"]),
    ],
)  # fmt: skip
def test_what_is_there_is_kept_and_the_line_goes_on(folder, capsys, name, options, kept):
    done = child(name, 4, f"run scan.npz -o found.h5 {options}")
    assert done.returncode == 130, done.stderr
    assert "Stopping, and keeping what is there; a second Ctrl-C ends at once" in done.stderr
    part = load_reconstruction("found.h5")
    assert re.fullmatch(r"[1-9] of \d+ sweeps", part.partial)
    assert f"PARTIAL: {part.partial}; " in done.stdout + done.stderr
    command = done.stderr.rstrip().splitlines()[-1].strip()
    assert command.startswith("ptychoscope run scan.npz --start found.h5")
    assert command.endswith("-o found-2.h5")
    for part_of_it in kept:
        assert part_of_it in command
    assert typed(command.removeprefix("ptychoscope ")) == 0
    whole = load_reconstruction("found-2.h5")
    assert whole.partial is None
    assert whole.provenance["start_file"] == "found.h5"
    assert whole.verdict.misfit < part.verdict.misfit
    assert typed(f"compare found-2.h5 scan.npz --json {'--frames 0:70' if '0:70' in options else ''}") == 0


def test_before_the_scan_is_read_there_is_nothing_to_keep(folder, capsys, monkeypatch):
    from ptychoscope.cli.scan_options import ScanOptions

    def read(self, path):
        signal.raise_signal(signal.SIGINT)
        threading.Event().wait(0.2)

    monkeypatch.setattr(ScanOptions, "opened", read)
    assert typed("run scan.npz -o found.h5") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Stopped before there was anything to keep"
    assert not list(folder.glob("found*"))


def test_a_second_signal_ends_at_once(folder):
    done = child("SIGINT,SIGINT", 4, "run scan.npz -o found.h5")
    assert done.returncode == 130
    assert "PARTIAL" not in done.stdout
    assert not list(folder.glob("found*"))


def test_an_image_is_whole_without_its_halves(folder):
    done = child("SIGINT", 12, "run scan.npz -o found.h5 --halves --refine 9")
    assert done.returncode == 130
    assert done.stderr.endswith("Stopped: the image is whole, and its halves were not compared\n")
    found = load_reconstruction("found.h5")
    assert (found.partial, found.halves_frc) == (None, None)
    assert found.provenance["refine_sweeps"] == 9


def test_json_says_that_it_is_partial(folder):
    done = child("SIGINT", 4, "run scan.npz -o found.h5 --json")
    assert done.returncode == 130
    assert json.loads(done.stdout)["partial"].endswith("sweeps")


def test_the_rest_of_several_scans_is_not_begun(folder):
    (folder / "other.npz").write_bytes((folder / "scan.npz").read_bytes())
    done = child("SIGINT", 4, "run scan.npz other.npz -o out/")
    assert done.returncode == 130
    assert "Not begun: other.npz" in done.stderr
    assert sorted(file.name for file in (folder / "out").iterdir()) == ["scan.h5", "scan.png"]


def test_signals_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    said = []
    with stop_on_signals(said.append) as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(5)
    assert len(said) == 1
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_another_thread_cannot_be_stopped_by_signals():
    found = []

    def work() -> None:
        with stop_on_signals(found.append) as stop:
            found.append(stop.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_names_that_go_on(tmp_path):
    assert next_name(tmp_path / "object.h5").name == "object-2.h5"
    assert next_name(tmp_path / "object-2.h5").name == "object-3.h5"
    assert next_name(tmp_path / "scan-a.h5").name == "scan-a-2.h5"
    (tmp_path / "object-3.h5").touch()
    assert next_name(tmp_path / "object-2.h5").name == "object-4.h5"
