"""Bad files and arguments, through the command line.

Each ends with exit code 2 and one error of ours that names the value and the cure; no traceback, and nothing
half written.
"""

import os
import resource
from pathlib import Path

import pytest

from bad_input import CASES, TRAINING_CASES, Arguments, command, result, run, scan_file
from ptychoscope import cli
from ptychoscope.errors import OutputError
from ptychoscope.io.atomic import replacing

pytestmark = pytest.mark.filterwarnings("ignore::ptychoscope.errors.ScanWarning")


def exit_and_error(arguments: Arguments, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, " ".join(captured.err.split())


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", [*CASES, *TRAINING_CASES])
def test_bad_input_is_a_named_error(name, tmp_path, capsys):
    if name in TRAINING_CASES:
        pytest.importorskip("torch", reason='needs torch: pip install "ptychoscope[train]"')
    case, error, parts = {**CASES, **TRAINING_CASES}[name]
    arguments = case(tmp_path)
    before = files(tmp_path)
    code, out, err = exit_and_error(arguments, capsys)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert err.startswith("Usage:" if error == "usage" else "Error: ")
    for part in parts:
        assert part.replace(" ", "") in err.replace(" ", ""), err
    if error != "usage":
        _, _, with_traceback = exit_and_error(["--debug", *arguments], capsys)
        assert f"ptychoscope.errors.{error}" in with_traceback
    assert files(tmp_path) == before


def test_the_good_input_is_good(tmp_path, capsys):
    """Otherwise the table would prove nothing."""
    code, _, err = exit_and_error(run(tmp_path, scan_file(tmp_path)), capsys)
    assert code == 0, err
    assert (tmp_path / "object.h5").exists()
    assert exit_and_error(result()(tmp_path), capsys)[0] == 0


@pytest.mark.parametrize("command_line", [
    ["simulate", "-o", "{folder}/new.npz", "--rows", "4"],
    ["run", "{scan}", "-m", "{model}", "--refine", "0", "-o", "{folder}/new.h5"],
])  # fmt: skip
def test_a_full_disk_leaves_nothing_behind(tmp_path, capsys, command_line):
    arguments = command(*command_line)(tmp_path)
    before = files(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        code, out, err = exit_and_error(arguments, capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code, out) == (2, "")
    assert err.startswith("Error: cannot write")
    assert "free space" in err
    assert files(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path, capsys):
    tmp_path.chmod(0o555)
    code, _, err = exit_and_error(["simulate", "-o", str(tmp_path / "scan.npz"), "--rows", "2"], capsys)
    assert code == 2
    assert "ermission" in err


@pytest.mark.parametrize("place", ["/dev/full", "/proc/version", "/proc/scan.npz"])
def test_places_that_are_no_files(place):
    with pytest.raises(OutputError, match="cannot write"), replacing(place) as partial:
        partial.write_bytes(b"x")


def test_there_are_enough_cases():
    assert len(CASES) >= 40
