"""`ptychoscope simulate` with faults: two files, what the user is given and the truth."""

import json
from dataclasses import fields

import click
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ptychoscope import cli
from ptychoscope.io import load_scan
from ptychoscope.simulate import Faults, ProbeConfig, SimulationConfig, simulate_faulty_scan, simulate_scan

TINY = "simulate --patch 16 --rows 5 --columns 6 --step 3 --jitter 1 --domain counts --modes 2 --seed 4"
LENS = ProbeConfig(modes=2)
CONFIG = SimulationConfig(
    patch_px=16, rows=5, columns=6, step_px=3, jitter_px=1, domain="counts", seed=4, probe=LENS
)


def test_without_faults_the_scan_holds_its_truth(call, tmp_path):
    assert call(f"{TINY} -o a.npz")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    read, made = load_scan("a.npz"), simulate_scan(CONFIG)
    for name in ("patterns", "positions_px", "probe", "object"):
        assert_array_equal(getattr(read, name), getattr(made, name))


def test_with_faults_the_truth_has_a_file_of_its_own(call):
    code, out, _ = call(f"{TINY} -o a.npz --probe-error .2 --given-modes 1 --wild 2 --lose-trigger 7 --json")
    assert code == 0
    figures = json.loads(out)
    assert (figures["scan"], figures["truth"], figures["patterns"]) == ("a.npz", "a.truth.npz", 29)
    faults = Faults(probe_error=0.2, given_modes=1, wild_frames=2, lost_triggers=(7,))
    made = simulate_faulty_scan(CONFIG, faults, seed=4)
    assert figures["wild_frames"] == made.wild_frames.tolist()
    for name, scan in (("a.npz", made.given), ("a.truth.npz", made.truth)):
        read = load_scan(name)
        for field in ("patterns", "positions_px", "probe"):
            assert_array_equal(getattr(read, field), getattr(scan, field))
    assert load_scan("a.npz").object is None
    assert_array_equal(load_scan("a.truth.npz").object, made.truth.object)


@pytest.mark.parametrize(("value", "there"), [("zero", 0), ("negative", -1), ("all_ones", 2**32 - 1)])
def test_the_file_holds_what_the_detector_writes_in_a_gap(call, value, there):
    assert call(f"{TINY} -o a.npz --gap 2 --gap-value {value} --truth t.npz")[0] == 0
    with np.load("a.npz", allow_pickle=False) as file:
        assert np.all(file["counts"][:, 10:12] == there)
        assert file["bad_pixels"][10:12].all()
    assert np.all(load_scan("a.npz").patterns[:, 10:12] == 0)
    assert load_scan("t.npz").object is not None


@pytest.mark.parametrize(("options", "message"), [
    ("--truth a.npz", "--truth a.npz would replace -o a.npz"),
    ("--blur 1 --truth no/t.npz", "create it first"),
    ("--given-modes 3", "the probe has 2: simulate more modes"),
    ("--dead -1", "dead must be 0 or more"),
    ("--lose-trigger 30", "0 to 29"),
    ("--truth t.h5", "use .npz"),
    ("--truth t.npz -o a.h5", "use .npz"),
    ("--seed -1 --blur 1", "seed must be 0 or more"),
    ("--step nan --blur 1", "step_px must be"),
    ("--blur 9", "blur must be at most 4"),
])  # fmt: skip
def test_what_cannot_be_is_said_and_nothing_is_written(call, tmp_path, options, message):
    code, _, said = call(f"{TINY} -o a.npz {options}")
    assert code == 2
    assert message in said
    assert list(tmp_path.iterdir()) == []


def test_every_fault_has_an_option():
    app = cli.build_app()
    command = app.get_command(click.Context(app), "simulate")
    assert {field.name for field in fields(Faults)} <= {parameter.name for parameter in command.params}
