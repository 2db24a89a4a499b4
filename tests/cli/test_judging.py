"""compare reads a scan as `run` did for the result: what is recorded is used, what is said goes first."""

import json

import numpy as np
import pytest

from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.preprocess.orientation import apply_operation
from ptychoscope.refine import refine_scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

SOLVER = "--start empty --refine 4 --no-picture"


@pytest.fixture
def judge(call):
    def compare(line: str) -> dict:
        code, out, err = call(f"compare {line} --diffraction --json")
        assert code == 0, err
        return json.loads(out)

    return compare


@pytest.fixture
def scan():
    return simulate_scan(
        SimulationConfig(patch_px=32, rows=6, columns=7, step_px=5, seed=8, domain="counts", sub_pixel=True)
    )


def save(scan, name, **change):
    y, x = scan.positions_px.T
    arrays = {"counts": scan.patterns, "ycoords": y, "xcoords": x, "probeGuess": scan.probe}
    arrays = {**arrays, "objectGuess": scan.object, **change}
    np.savez(name, **{key: value for key, value in arrays.items() if value is not None})


def spoilt(scan, kind):
    """What the file holds in place of the truth, and the steps that mend it."""
    y, x = scan.positions_px.T
    return {
        "swapped": ({"ycoords": x, "xcoords": y}, "swap_xy"),
        "mirrored": ({"xcoords": -x}, "flip_x"),
        "scaled": ({"ycoords": 4 * y, "xcoords": 4 * x}, "scale=0.25"),
        "turned": ({"counts": apply_operation(scan.patterns, "rot270")}, "patterns=rot90"),
        "all": (
            {"ycoords": -2 * x, "xcoords": 2 * y, "counts": apply_operation(scan.patterns, "transpose")},
            "patterns=transpose,swap_xy,flip_x,scale=0.5",
        ),
    }[kind]


@pytest.mark.parametrize("kind", ["swapped", "mirrored", "scaled", "turned", "all"])
def test_the_steps_of_the_result_are_used(call, judge, scan, kind):
    change, steps = spoilt(scan, kind)
    if kind == "all":  # -2 x in place of y: the flip belongs to the x of the sample
        change["ycoords"], steps = 2 * scan.positions_px[:, 1], "patterns=transpose,swap_xy,scale=0.5"
    save(scan, "spoilt.npz", **change)
    save(scan, "straight.npz")
    assert call(f"run spoilt.npz {SOLVER} --orientation {steps} -o object.h5")[0] == 0
    assert call(f"run straight.npz {SOLVER} -o straight.h5")[0] == 0
    expected = judge("straight.h5 straight.npz")
    found = judge("object.h5 spoilt.npz")
    assert found["deviance"] == pytest.approx(expected["deviance"], rel=1e-3)
    assert found["read_as_recorded"] == {"orientation": steps}
    asked = judge(f"object.h5 spoilt.npz --orientation {steps}")
    assert asked["deviance"] == found["deviance"]
    assert asked["read_as_recorded"] == {}
    assert steps in call("compare object.h5 spoilt.npz --diffraction")[1]
    if kind != "turned":  # a scan in order is known by its positions
        straight = judge("object.h5 straight.npz")
        assert straight["deviance"] == pytest.approx(expected["deviance"], rel=1e-3)
        assert straight["read_as_recorded"] == {}


def test_what_is_said_goes_first(call, judge, scan):
    change, steps = spoilt(scan, "swapped")
    save(scan, "spoilt.npz", **change)
    assert call(f"run spoilt.npz {SOLVER} --orientation {steps} -o object.h5")[0] == 0
    with pytest.raises(AssertionError, match="no frame of the scan lies on the image"):
        judge("object.h5 spoilt.npz --orientation swap_xy,flip_y")
    assert judge("object.h5 spoilt.npz --orientation patterns=none")["deviance"] > 10


def test_a_result_without_a_record_of_its_file_still_has_its_steps(call, judge, scan, tmp_path):
    """Made by the library, of half the frames."""
    from ptychoscope.io import load_scan
    from ptychoscope.preprocess.orientation import Orientation

    change, steps = spoilt(scan, "swapped")
    save(scan, tmp_path / "spoilt.npz", **change)
    save(scan, tmp_path / "straight.npz")
    read = load_scan(tmp_path / "spoilt.npz", orientation=Orientation.parse(steps))
    save_reconstruction(refine_scan(read.select(slice(0, None, 2)), sweeps=8), tmp_path / "object.h5")
    deviances = [judge(f"object.h5 {name}.npz")["deviance"] for name in ("spoilt", "straight")]
    assert deviances[0] == pytest.approx(deviances[1], rel=1e-6)


def test_the_same_file_is_read_in_the_same_way(call, judge, scan):
    """Amplitudes under the key that means counts, frames last, half of them, some pixels saturated."""
    amplitude = np.moveaxis(np.sqrt(scan.patterns.astype(np.float32)), 0, 2)
    limit = float(np.quantile(amplitude, 0.995))
    save(scan, "odd.npz", counts=np.minimum(amplitude, limit))
    reading = f"--domain amplitude --layout HWN --frames 0::2 --saturation {limit}"
    assert call(f"run odd.npz {SOLVER} {reading} -o object.h5")[0] == 0
    record = load_reconstruction("object.h5").provenance
    assert record["scan_file"] == "odd.npz"
    assert {name: record[f"read_{name}"] for name in ("domain", "layout", "frames", "saturation")} == {
        "domain": "amplitude",
        "layout": "HWN",
        "frames": "0::2",
        "saturation": limit,
    }
    found = judge("object.h5 odd.npz")
    assert found["frames"] == 21
    assert set(found["read_as_recorded"]) == {"domain", "layout", "frames", "saturation"}
    assert found["deviance"] == judge(f"object.h5 odd.npz {reading}")["deviance"]
    held_back = judge("object.h5 odd.npz --frames 1::2")
    assert (held_back["frames"], "frames" in held_back["read_as_recorded"]) == (21, False)
    assert held_back["deviance"] > found["deviance"]
    assert judge(f"object.h5 odd.npz --saturation {10 * limit}")["deviance"] != found["deviance"]
    save(scan, "other.npz")  # speaks for itself
    assert judge("object.h5 other.npz")["read_as_recorded"] == {}


def test_frames_judge_a_result_where_there_is_no_true_object(call, judge, scan):
    save(scan, "whole.npz")
    save(scan, "real.npz", objectGuess=None)
    save(scan, "blind.npz", objectGuess=None, probeGuess=None)
    assert call(f"run whole.npz {SOLVER} -o object.h5")[0] == 0
    expected = judge("object.h5 whole.npz")
    for name in ("real", "blind"):
        found = judge(f"object.h5 {name}.npz")
        assert found == {key: expected[key] for key in ("r_factor", "deviance", "frames", "read_as_recorded")}
    code, out, _ = call("compare object.h5 real.npz --diffraction")
    assert code == 0
    assert "Poisson deviance" in out
    assert "SSIM" not in out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compare object.h5 real.npz", "--diffraction"),
        ("compare object.h5 real.npz --diffraction --rows 0:40", "--rows needs one"),
        ("compare object.h5 object.h5 --diffraction", "--diffraction needs a scan"),
        ("compare object.h5 object.h5 --orientation swap_xy", "--orientation needs a scan"),
        ("compare object.h5 object.h5 --frames 0::2", "--frames needs a scan"),
        ("compare object.h5 object.h5 --saturation 5", "--saturation needs a scan"),
    ],
)
def test_what_does_not_go_together_is_said(call, scan, line, message):
    save(scan, "real.npz", objectGuess=None)
    assert call(f"run real.npz {SOLVER} -o object.h5")[0] == 0
    code, out, err = call(line)
    assert (code, out) == (2, "")
    assert message in err


def test_crop_and_mask_are_those_of_the_run(call, judge, scan, tmp_path):
    """Given to `run` alone; the mask by a path that is not the scan's folder."""
    hot = scan.patterns.astype(np.float32)
    hot[:, 15, 18] = 1e6
    save(scan, "hot.npz", counts=hot)
    (tmp_path / "masks").mkdir()
    mask = np.zeros((32, 32), bool)
    mask[15, 18] = True
    np.save(tmp_path / "masks" / "hot.npy", mask)
    assert call(f"run hot.npz {SOLVER} --crop 24 --mask masks/hot.npy -o object.h5")[0] == 0
    found = judge("object.h5 hot.npz")
    assert set(found["read_as_recorded"]) == {"crop", "mask"}
    asked = judge(f"object.h5 hot.npz --crop 24 --mask {tmp_path / 'masks' / 'hot.npy'}")
    assert (asked["deviance"], asked["read_as_recorded"]) == (found["deviance"], {})
    assert found["deviance"] < 10
    (tmp_path / "masks" / "hot.npy").unlink()
    code, _, err = call("compare object.h5 hot.npz --diffraction")
    assert code == 2
    assert "hot.npy" in err
