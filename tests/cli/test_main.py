"""The command line as a whole: exit codes, messages, and a quick start."""

import json
import subprocess
import sys

import pytest

from ptychoscope import cli
from ptychoscope.cli.bench import BENCHMARKS
from ptychoscope.cli.info import runtime_problem
from ptychoscope.cli.terminal_output import table_lines
from ptychoscope.io import save_scan


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    captured = capsys.readouterr()
    return end.value.code or 0, captured.out, captured.err


def test_help_names_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for name in cli.COMMANDS:
        assert name in out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(capsys, name):
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert "Usage" in out


def test_version(capsys):
    code, out, _ = run(capsys, "--version")
    assert (code, out.count(".")) == (0, 2)


@pytest.mark.parametrize("arguments", [["no-such-command"], ["info", "--no-such-option"], ["info", "a", "b"]])
def test_wrong_usage_exits_2(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Usage" in err


def test_an_error_is_one_line_and_a_traceback_only_on_demand(capsys):
    code, out, err = run(capsys, "info", "absent.npz")
    assert (code, out, err) == (2, "", "Error: there is no file absent.npz: check the name\n")
    for arguments in (["--debug", "info", "absent.npz"], ["info", "absent.npz", "--debug"]):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert "Traceback" in err


def test_info_describes_the_machine(capsys):
    code, out, _ = run(capsys, "info", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["packages"]["numpy"]
    assert facts["cores"] >= 1


def test_info_describes_a_scan(capsys, tmp_path, scan):
    save_scan(scan, tmp_path / "scan.npz")
    code, out, _ = run(capsys, "info", str(tmp_path / "scan.npz"), "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["kind"], facts["patterns"], facts["patch_px"], facts["probe_modes"]) == ("scan", 7, 6, 2)
    code, out, _ = run(capsys, "info", str(tmp_path / "scan.npz"))
    assert "amplitude" in out


def test_two_runtimes_are_an_error_with_the_cure(capsys, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    (tmp_path / "onnxruntime_gpu-1.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.0\n"
    (tmp_path / "onnxruntime_gpu-1.0.dist-info" / "METADATA").write_text(metadata)
    monkeypatch.syspath_prepend(tmp_path)
    code, out, err = run(capsys, "info", "--json")
    assert code == 2
    assert json.loads(out)["packages"]["onnxruntime-gpu"] == "1.0"
    assert "pip uninstall onnxruntime onnxruntime-gpu" in err
    assert runtime_problem(["onnxruntime"]) is None


def test_a_warning_of_ours_is_one_line(capsys, tmp_path, rng):
    import numpy as np

    legacy = {"diffraction": rng.random((6, 6, 4)), "xcoords": np.zeros(4), "ycoords": np.zeros(4)}
    np.savez(tmp_path / "scan.npz", **legacy)
    code, _, err = run(capsys, "info", str(tmp_path / "scan.npz"))
    assert code == 0
    assert err.startswith("Warning: patterns (6, 6, 4)")
    assert err.count("\n") == 1


def test_the_start_is_light():
    """Help, which loads every command, needs neither numpy nor anything heavier."""
    code = """
import atexit, sys
from ptychoscope.cli import main
atexit.register(lambda: print(*sys.modules))
main(["--help"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {f"ptychoscope.cli.{name}" for name in cli.COMMANDS} <= loaded
    assert not loaded & {"numpy", "h5py", "torch", "lightning", "onnx", "onnxruntime", "PIL", "skimage"}


def test_tables_align_figures_right_and_words_left():
    rows = [("nearest", "12.5", "b"), ("lanczos3", "-3.25", "two\nlines"), ("", "", "-")]
    assert table_lines(rows, ("mode", "ratio", "what")) == [
        "mode      ratio  what",
        "----------------------",
        "nearest    12.5  b",
        "lanczos3  -3.25  two",
        "                 lines",
        "                 -",
    ]
    assert table_lines([("a", "1"), ("bc", "22")]) == ["a   1", "bc  22"]
    assert table_lines([]) == []


@pytest.mark.parametrize(("arguments", "names"), [(["trai"], cli.COMMANDS), (["bench", "stich"], BENCHMARKS)])
def test_an_unknown_command_names_the_known_ones(capsys, arguments, names):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    for name in (arguments[-1], *names):
        assert name in err


def test_every_argument_and_heading_is_in_the_help(capsys):
    _, out, _ = run(capsys, "train", "--help")
    assert [line for line in out.splitlines() if line and line[0] != " "] == [
        "Usage: ptychoscope train [OPTIONS] SCAN...",
        *(
            f"{heading}:"
            for heading in ("Arguments", "Options", "Naming the parts of a scan", "Reading the scan", "Data")
        ),
        *(f"{heading}:" for heading in ("Network and loss", "Limits", "Machine")),
    ]
    assert "One or several scans" in out
