"""Several scans in one call: a result and a picture each, and one that fails does not stop the others."""

import json
from pathlib import Path

import pytest

from ptychoscope.io import load_reconstruction

BUNDLE = str(Path(__file__).parents[1] / "data" / "tiny_bundle")


@pytest.fixture
def run(call):
    """Run a command line in a folder with a.npz and b.npz; its exit code, stdout and stderr."""
    for seed, name in enumerate("ab"):
        call(f"simulate -o {name}.npz --patch 16 --rows 8 --columns 9 --step 3 --seed {seed}")
    return call


@pytest.mark.parametrize("options", ["--refine 3", f"--model {BUNDLE} --refine 0"])
def test_results_are_named_after_their_scans(run, options):
    code, out, err = run(f"run a.npz b.npz -o new/folder/ {options}")
    assert code == 0, err
    assert sorted(file.name for file in Path("new/folder").iterdir()) == ["a.h5", "a.png", "b.h5", "b.png"]
    assert "new/folder/a.h5: " in out
    assert "b.npz (2 of 2)" in err
    for name in "ab":
        assert load_reconstruction(f"new/folder/{name}.h5").provenance["scan_file"] == f"{name}.npz"
    run(f"run a.npz -o alone.h5 {options}")
    alone, together = (load_reconstruction(file).object for file in ("alone.h5", "new/folder/a.h5"))
    assert (alone == together).all()


def test_a_folder_serves_one_scan_too(run):
    Path("there").mkdir()
    assert run("run a.npz -o there --refine 1 --no-picture")[0] == 0
    assert [file.name for file in Path("there").iterdir()] == ["a.h5"]
    assert run("run a.npz -o . --refine 1")[0] == 0
    assert Path("a.h5").exists()
    assert Path("a.png").exists()


def test_one_that_fails_does_not_stop_the_others(run):
    Path("bad.npz").write_bytes(b"PK\x03\x04 no scan")
    code, out, err = run("run a.npz bad.npz absent.npz b.npz -o out/ --refine 1 --no-picture")
    assert code == 1
    assert "Error: bad.npz: " in err
    assert "2 of 4 scans failed: bad.npz, absent.npz" in err.splitlines()[-1]
    assert sorted(file.name for file in Path("out").iterdir()) == ["a.h5", "b.h5"]
    assert out.count("out/") == 2


def test_json_is_a_line_for_every_scan(run):
    code, out, _ = run("run a.npz b.npz -o out/ --refine 1 --json --halves")
    assert code == 0
    facts = [json.loads(line) for line in out.splitlines()]
    assert [each["scan"] for each in facts] == ["a.npz", "b.npz"]
    for each in facts:
        assert 0 < each["resolution"]["frc_half_bit"] <= 1
        assert each["resolution"]["half_bit_half_period_px"] >= 1
        assert len(each["resolution"]["correlation"]) == len(each["resolution"]["frequency"])


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("run a.npz b.npz", "--output results/"),
        ("run a.npz b.npz -o one.h5", "--output results/"),
        ("run a.npz b.npz -o out/ --picture p.png", "leave it out"),
        ("run a.npz b.npz -o out/ --effort best --refine 3", "leave one out"),
        ("run a.npz ./a.npz -o out/", "one by one"),
        ("run a.npz b.npz -o a.npz/", "give --output another place"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(run, line, cure):
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert cure in err
    assert sorted(file.name for file in Path().iterdir()) == ["a.npz", "b.npz"]


def test_a_folder_that_cannot_be_made(run):
    Path("file").touch()
    code, _, err = run("run a.npz b.npz -o file/results/ --refine 1")
    assert code == 2
    assert "cannot make the folder file/results/: Not a directory; choose another place" in err


def test_the_resolution_is_one_line(run):
    code, out, _ = run("run a.npz -o a.h5 --refine 4 --halves")
    assert code == 0
    assert out.splitlines()[-1].startswith("resolution of two halves (half period): ")
    assert load_reconstruction("a.h5").halves_frc is not None


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("run a.npz --start full -o o.h5", "network, empty or a result, and there is no file full"),
        ("run a.npz --start a.npz -o o.h5", "a.npz"),
        ("run a.npz --start s.h5 -o o.h5 --probe-file p.npy", "leave one of them out"),
        (f"run a.npz --start s.h5 -o o.h5 --model {BUNDLE}", "leave one of them out"),
        ("run a.npz --start s.h5 -o o.h5 --refine 0", "give --refine N"),
        ("run a.npz --start s.h5 -o o.h5 --halves", "leave one out"),
        ("run a.npz --start s.h5 -o o.h5 --device cuda", "belongs to a network"),
        ("run a.npz --start s.h5 -o o.h5 --orientation swap_xy", "read it without --orientation"),
        ("run a.npz --start s.h5 -o o.h5 --crop 12", "read the scan without --crop"),
    ],
)
def test_a_start_that_cannot_be(run, line, cure):
    assert run("run a.npz -o s.h5 --refine 2 --no-picture")[0] == 0
    code, _, err = run(line)
    assert code == 2, err
    assert cure in err
    assert not Path("o.h5").exists()


@pytest.mark.parametrize(
    ("first", "refused", "typed"),
    [
        ("--orientation flip_x", "", "--orientation flip_x"),
        ("--crop 12", "", "--crop 12"),
        ("--frames 10:20", "--frames 30:", ""),
        ("--frames 10:20", "--frames 30:", "--probe-file s.h5 --frames 30:"),
    ],
)
def test_the_cure_of_a_start_works_when_it_is_typed(run, first, refused, typed):
    assert run(f"run a.npz -o s.h5 --refine 2 --no-picture {first}")[0] == 0
    code, _, err = run(f"run a.npz --start s.h5 -o o.h5 --refine 1 {refused}")
    assert code == 2
    assert (typed.split()[0] if typed else "all") in err
    start = "" if "probe-file" in typed else "--start s.h5"
    code, _, err = run(f"run a.npz {start} -o o.h5 --refine 1 {typed}")
    assert code == 0, err
