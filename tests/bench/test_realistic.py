"""The solver and pty-chi on scans with faults: every row is there, and a fault costs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ptychoscope import cli
from ptychoscope.bench import refine_realistic
from ptychoscope.bench.peer_ptychi_engines import ENGINES, engine_images
from ptychoscope.bench.refine_realistic import (
    ALONE,
    BEST,
    EVERYTHING,
    PHOTONS,
    SCAN,
    SOLVERS,
    realistic_scans,
)
from ptychoscope.errors import ConfigError
from ptychoscope.simulate import simulate_faulty_scan

SMALL = replace(SCAN, patch_px=32, rows=7, columns=8)
COLUMNS = {"wrong", "solver", "iterations", "cpu_s", "nrmse", "amp_ssim", "phase_ssim"}


def test_every_solver_meets_everything_and_every_fault_alone() -> None:
    rows = realistic_scans(None, (1, 4), SMALL)
    assert all(row.keys() == COLUMNS and 0 < row["nrmse"] < 1 and row["cpu_s"] > 0 for row in rows)
    at_once = [(row["solver"], row["iterations"]) for row in rows if row["wrong"] == "everything"]
    assert at_once[0][0] == BEST
    assert at_once[1:] == [(name, n) for name in SOLVERS for n in (1, 4)]
    alone = {row["wrong"]: row["nrmse"] for row in rows if row["wrong"] != "everything"}
    assert list(alone) == list(ALONE)
    together = min(row["nrmse"] for row in rows if row["wrong"] == "everything" and row["solver"] != BEST)
    assert together > alone["nothing"]


def test_everything_holds_every_fault_that_is_tried_alone() -> None:
    for name, value in ((n, v) for faults in ALONE.values() for n, v in vars(faults).items()):
        assert value in (getattr(EVERYTHING, name), getattr(ALONE["nothing"], name))


def test_the_command_prints_the_curve_over_photons(capsys, monkeypatch) -> None:
    monkeypatch.setattr(refine_realistic, "PHOTONS", PHOTONS[3:5])
    monkeypatch.setattr(refine_realistic.over_photons, "__defaults__", (SMALL,))
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "refine", "--photons", "--iterations", "3", "--json"])
    assert not end.value.code
    rows = json.loads(capsys.readouterr().out)["photons"]
    assert [(row["wrong"], row["solver"]) for row in rows] == [
        (label, name) for label in ("1e4", "1e5") for name in ("empty object", "as given")
    ]
    assert rows[3]["nrmse"] < rows[2]["nrmse"]


@pytest.mark.parametrize("python", ["/bin/false", "/no/python"])
def test_an_interpreter_without_ptychi_is_an_error_of_ours(python: str) -> None:
    given = simulate_faulty_scan(SMALL, EVERYTHING).given
    with pytest.raises(ConfigError, match=python):
        engine_images(given, Path(python), ENGINES["pty-chi LSQML"], [1])


def test_the_chart_draws_every_solver_that_met_everything() -> None:
    pytest.importorskip("matplotlib")
    from realistic_chart import chart, curves

    measured = json.loads((Path(__file__).parents[2] / "docs" / "realistic.json").read_text())
    drawn = curves(measured["realistic"])
    assert {BEST, *SOLVERS} <= set(drawn)
    ax = chart(measured).axes[0]
    assert {text.get_text() for text in ax.texts} == set(drawn)
    assert len(ax.lines) == len(drawn)
