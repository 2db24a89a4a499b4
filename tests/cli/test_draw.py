"""`ptychoscope draw` and what a result says of where it comes from, as a user types it."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from ptychoscope.io import load_reconstruction

BUNDLE = str(Path(__file__).parents[1] / "data" / "tiny_bundle")


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("ending", ["h5", "cxi", "npz"])
def test_a_saved_result_is_drawn_as_the_run_drew_it(run, ending):
    code, _, err = run(f"run scan.npz -o object.{ending} --picture first.png --refine 2 --threads 1")
    assert code == 0, err
    code, out, err = run(f"draw object.{ending}")
    assert (code, out, err) == (0, "object.png\n", "")
    np.testing.assert_array_equal(pixels("object.png"), pixels("first.png"))


def test_panels_and_formats(run):
    run("run scan.npz -o object.h5 --no-picture --refine 2 --threads 1")
    code, _, err = run("draw object.h5 -o phase.jpg --panel phase --panel amplitude --panel-px 100")
    assert code == 0, err
    assert pixels("phase.jpg").shape[0] < 300
    assert run("draw object.h5 -o all.pdf")[0] == 0
    for line, cure in (
        ("draw object.h5 -o object.svg", ".png, .jpg, .jpeg, .pdf"),
        ("draw scan.npz -o new.png", "is no result"),
        ("draw absent.h5", "there is no file absent.h5"),
        ("draw object.h5 -o object.h5", "give --output another name"),
        ("draw object.h5 --panel phases", "detector"),
    ):
        code, _, err = run(line)
        assert code == 2
        assert cure in err
    assert {path.name for path in Path().iterdir()} == {"scan.npz", "object.h5", "phase.jpg", "all.pdf"}


@pytest.mark.parametrize(("options", "named"), [
    ("-o object.mat", ".h5, .hdf5, .cxi, .npz, .tif, .tiff"), ("-o object", ".h5, .hdf5"),
    ("-o object.h5 --picture object.svg", ".png, .jpg, .jpeg, .pdf"),
])  # fmt: skip
def test_endings_are_refused_before_any_work(run, monkeypatch, options, named):
    monkeypatch.setattr("ptychoscope.pipeline.reconstruct.reconstruct", None)
    code, _, err = run(f"run scan.npz {options}")
    assert (code, named in err) == (2, True), err
    assert [path.name for path in Path().iterdir()] == ["scan.npz"]


def test_a_run_writes_what_the_ending_says(run):
    code, _, err = run("run scan.npz -o object.tif --picture p.jpg --refine 1 --threads 1")
    assert code == 0, err
    with Image.open("object.tif") as file:
        assert (file.format, file.mode, file.n_frames) == ("TIFF", "F", 2)
    assert Path("p.jpg").read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_a_result_knows_where_it_comes_from(run, ending):
    line = f"run scan.npz -o object.{ending} --refine 0 --model {BUNDLE} --threads 1 --no-picture"
    code, _, err = run(line)
    assert code == 0, err
    known = load_reconstruction(f"object.{ending}").provenance
    code, out, _ = run(f"info object.{ending} --json")
    assert json.loads(out)["kind"] == "reconstruction"
    assert json.loads(out)["provenance"] == known
    assert known["command_line"] == f"ptychoscope {line}"
    assert known["scan_file"] == "scan.npz"
    assert re.fullmatch(r"[0-9a-f]{64}", known["scan_sha256"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", known["date_utc"])
    assert {"ptychoscope", "python", "numpy", "onnxruntime"} <= set(known)
    _, out, _ = run(f"info {BUNDLE} --json")
    assert json.loads(out)["model_sha256"] == known["model_sha256"]
    _, out, _ = run(f"info object.{ending}")
    assert known["scan_sha256"] in out


def test_a_changed_result_is_used_with_a_word(run):
    run("run scan.npz -o object.h5 --no-picture --refine 1 --threads 1")
    with h5py.File("object.h5", "a") as file:
        file.attrs["note"] = "the good one"
    code, _, err = run("draw object.h5")
    assert code == 0
    assert "Warning: object.h5 was changed after it was written" in err


def test_info_tells_other_hdf5_from_results(run):
    with h5py.File("other.h5", "w") as file:
        file["numbers"] = np.arange(4)
    code, _, err = run("info other.h5")
    assert code == 2
    assert "ptychodus product" not in err
