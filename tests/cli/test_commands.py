"""simulate, run, compare and info as a user chains them."""

import json
from pathlib import Path

import numpy as np
import pytest

from ptychoscope import cli
from ptychoscope.errors import ConfigError
from ptychoscope.io import load_reconstruction, load_scan, save_reconstruction
from ptychoscope.preprocess.frame_selection import check_frames, frames_asked_for
from results import result_of

BUNDLE = str(Path(__file__).parents[1] / "data" / "tiny_bundle")


@pytest.fixture
def ptychoscope(call):
    """Run a command line in an empty folder; its stdout."""

    def run(line: str) -> str:
        code, out, err = call(line)
        assert not code, err
        return out

    return run


@pytest.fixture
def simulated(ptychoscope):
    """scan.npz with its truth, and truth.h5, an image that is the truth."""
    ptychoscope("simulate -o scan.npz --patch 16 --rows 8 --columns 9 --step 3 --jitter 1 --sub-pixel")
    scan = load_scan("scan.npz")
    truth = result_of(scan.object[2:, 3:], origin_px=(2, 3), positions_px=scan.positions_px)
    save_reconstruction(truth, "truth.h5")
    return scan


def test_simulate_writes_what_it_was_asked_for(ptychoscope, simulated):
    assert (len(simulated), simulated.patch_px, len(simulated.probe)) == (72, 16, 1)
    facts = json.loads(
        ptychoscope("simulate -o spiral.npz --patch 16 --rows 3 --scan spiral --domain counts --json")
    )
    assert facts == {"scan": "spiral.npz", "patterns": 72, "patch_px": 16}
    assert load_scan("spiral.npz").patterns.dtype == np.uint32


def test_compare_scores_an_image_against_the_truth(ptychoscope, simulated):
    facts = json.loads(ptychoscope("compare truth.h5 scan.npz --diffraction --json"))
    assert facts["nrmse"] < 1e-6
    assert facts["amplitude_ssim"] == pytest.approx(1)
    assert facts["amplitude_psnr_db"] is None or facts["amplitude_psnr_db"] > 100
    low, high = simulated.positions_px[:, 0].min(), simulated.positions_px[:, 0].max()
    assert facts["rows"] == [np.floor(low), np.ceil(high) + 1]
    assert facts["area_px"] == np.prod([np.diff(facts[axis]) for axis in ("rows", "columns")])
    assert 0 < facts["r_factor"] < 0.2
    table = ptychoscope("compare truth.h5 scan.npz --rows 5:30 --columns 4:32 --register --remove-ramp")
    assert "in rows 5:30, columns 4:32" in table
    assert "(removed)" in table


def test_compare_takes_another_result_as_the_truth(ptychoscope, simulated):
    assert json.loads(ptychoscope("compare truth.h5 truth.h5 --json"))["frc_half_bit"] == 1


def test_the_result_of_run_is_described_and_compared(ptychoscope, simulated):
    ptychoscope(f"run scan.npz -m {BUNDLE} -o object.h5 --picture object.png")
    facts = json.loads(ptychoscope("info object.h5 --json"))
    assert (facts["kind"], facts["positions"]) == ("reconstruction", 72)
    assert json.loads(ptychoscope(f"info {BUNDLE} --json"))["patch_px"] == [16, 16]
    assert "amplitude" in ptychoscope("compare object.h5 scan.npz")


def test_two_halves_of_the_data_need_no_truth(ptychoscope, simulated):
    for name, frames in (("even", "0::2"), ("odd", "1::2")):
        ptychoscope(f"run scan.npz -m {BUNDLE} -o {name}.h5 --frames {frames}")
        assert len(load_reconstruction(f"{name}.h5").positions_px) == 36
    assert 0 < json.loads(ptychoscope("compare even.h5 odd.h5 --json"))["frc_half_bit"] <= 1


def test_a_scan_is_read_as_the_options_say(ptychoscope, simulated):
    arrays = {"diffraction": np.moveaxis(simulated.patterns, 0, 2), "probeGuess": simulated.probe}
    y, x = simulated.positions_px.T
    np.savez("legacy.npz", **arrays, ycoords=2 * x, xcoords=-2 * y)
    ptychoscope(f"run legacy.npz -m {BUNDLE} -o there.h5 --layout HWN --orientation flip_x,scale=0.5")
    ptychoscope(f"run legacy.npz -m {BUNDLE} -o back.h5 --layout HWN --orientation swap_xy,flip_y,scale=0.5")
    ptychoscope(f"run scan.npz -m {BUNDLE} -o plain.h5")
    assert np.array_equal(load_reconstruction("back.h5").object, load_reconstruction("plain.h5").object)
    assert not np.array_equal(load_reconstruction("there.h5").object, load_reconstruction("plain.h5").object)
    assert load_reconstruction("back.h5").orientation["steps"] == [
        ["swap_xy", True],
        ["flip_y", True],
        ["scale", 0.5],
    ]


@pytest.mark.parametrize(("text", "frames"), [
    (":", slice(None)), ("3:", slice(3, None)), (":-2", slice(None, -2)), ("0::2", slice(0, None, 2)),
])  # fmt: skip
def test_frames(text, frames):
    assert frames_asked_for(text, 9).tolist() == list(range(9))[frames]


@pytest.mark.parametrize("text", ["", "a:b", "1:2:0", "1:2:3:4", "1:2,", "1.5"])
def test_wrong_frames_are_named(text):
    with pytest.raises(ConfigError, match="--frames"):
        check_frames(text)


def test_a_centre_that_is_found_is_said_and_kept(ptychoscope, capsys, tmp_path):
    ptychoscope("simulate -o scan.npz --patch 32 --rows 8 --columns 8 --step 4 --domain counts")
    scan = load_scan("scan.npz")
    wide = np.zeros((len(scan), 48, 50), np.uint32)
    wide[:, 5:37, 11:43] = scan.patterns  # the zero frequency lies at (21, 27)
    y, x = scan.positions_px.T
    np.savez("wide.npz", counts=wide, ycoords=y, xcoords=x, pixel_size_m=1e-8)
    line = "run wide.npz --center auto --crop 24 --refine 2 --refine-probe find --no-picture"
    with pytest.raises(SystemExit) as end:
        cli.main(line.split())
    assert not end.value.code
    said = capsys.readouterr().err
    assert "The zero frequency was found at --center 2" in said
    found = load_reconstruction("object.h5").orientation["reading"]["crop"]["center_px"]
    assert np.abs(np.subtract(found, (21, 27))).max() < 1.5
