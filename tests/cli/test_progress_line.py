"""The line that says how far a run is: what it says, when it is drawn, and that nothing runs into it."""

import re
import sys
import warnings

import pytest

from ptychoscope import cli
from ptychoscope.cli.progress_line import duration, progress_line, progress_text
from ptychoscope.progress import Progress


@pytest.mark.parametrize(
    ("at", "before", "seconds", "text"),
    [
        (Progress("choice", 0, 1), 0, 3, "choosing what to mend"),
        (
            Progress("sweeps", 8, 32, 0.01234),
            0,
            4,
            "sweeps [#####---------------] 8/32  misfit 0.0123  12 s left",
        ),
        (Progress("sweeps", 1, 4, 0.5), 1, 0, "sweeps [#####---------------] 1/4  misfit 0.5"),
        (Progress("network", 516, 516), 16, 2, "network [####################] 516/516  0 s left"),
        (
            Progress("first half", 5, 10, 1e-5),
            4,
            60,
            "first half [##########----------] 5/10  misfit 1e-05  5 min left",
        ),
    ],
)
def test_what_it_says(at, before, seconds, text):
    assert progress_text(at, before, seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (95, "2 min"), (5300, "88 min"), (5400, "1 h 30 min"), (9000, "2 h 30 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_it_is_drawn_over_and_taken_away(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(warnings, "showwarning", lambda text, *_: print(f"Warning: {text}", file=sys.stderr))
    with progress_line(quiet=False) as line:
        for done in range(1, 1001):
            line(Progress("sweeps", done, 1000, 0.1))
        warnings.showwarning("a word", UserWarning, "file.py", 1)
        line(Progress("network", 3, 6))
        line.say("a line")
        line(Progress("network", 4, 6))
    err = capsys.readouterr().err
    assert err.count("sweeps") < 20  # at most five times a second
    assert "1000/1000" in err
    shown = [part.rpartition("\r")[2] for part in re.sub(r"\x1b\[K", "", err).split("\n")]
    assert [text for text in shown if text.strip()] == ["Warning: a word", "a line"]


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_where_nobody_watches(capsys, monkeypatch, quiet):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: quiet)
    with progress_line(quiet=quiet) as line:
        line(Progress("sweeps", 1, 2, 0.1))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("options", "drawn"), [("", True), ("-q", False), ("--json", False)])
def test_run_draws_it(capsys, tmp_path, monkeypatch, options, drawn):
    monkeypatch.chdir(tmp_path)
    for line in (
        "simulate -o scan.npz --patch 16 --rows 8 --columns 9",
        f"run scan.npz --refine 5 {options}",
    ):
        if line.startswith("run"):
            monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        with pytest.raises(SystemExit) as end:
            cli.main(line.split())
        assert not end.value.code
    assert ("sweeps [####################] 5/5" in capsys.readouterr().err) == drawn
