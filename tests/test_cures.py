"""Every cure that a message names to somebody on the command line, typed as it stands.

A case is a scan with one thing wrong, the command that meets it, what the message must name, and what is
typed next: that must succeed and say nothing more of the matter. Where the message leaves a value open (a
file, a number that it states in words) the case fills it in.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from ptychoscope import cli
from ptychoscope.io import save_reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

BUNDLE = str(Path(__file__).parent / "data" / "tiny_bundle")
SIDE, ROWS = 16, 7
N = ROWS**2
SOLVER = "run scan.npz -o out.h5 --no-picture --refine 3 --threads 1"
NETWORK = f"run scan.npz -o out.h5 --no-picture --threads 1 --model {BUNDLE}"


class Case(NamedTuple):
    """One thing that is wrong."""

    spoil: Callable[[dict[str, Any]], dict[str, Any]]
    """What is changed of the good file's arrays; None leaves a key out."""
    named: str
    """The cure, as the message spells it."""
    typed: str = ""
    """What is added to the command; the cure itself when empty."""
    command: str = SOLVER
    instead: str = ""
    """A command that takes the place of `command`, where adding is not enough."""
    code: int = 2
    """Exit code before: 0 where it is a warning."""


def good(side: int = SIDE, **options: Any) -> dict[str, Any]:
    config = {"rows": ROWS, "columns": ROWS, "patch_px": side, "step_px": 3, "seed": 4, "photons": 1e5}
    scan = simulate_scan(SimulationConfig(**{**config, "domain": "counts", **options}))
    y, x = scan.positions_px.T
    return {"counts": scan.patterns, "ycoords": y, "xcoords": x, "probeGuess": scan.probe}


def changed(key: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {key: change(arrays[key])}


def set_to(key: str, where: Any, value: float, dtype: Any = np.float32) -> Callable[..., dict[str, Any]]:
    def spoil(arrays: dict[str, Any]) -> dict[str, Any]:
        array = np.array(arrays[key], dtype)
        array[where] = value
        return {key: array}

    return spoil


def amplitude_named(change: Callable[[Any], Any]) -> Callable[..., dict[str, Any]]:
    """The patterns under the name of amplitude."""
    return lambda arrays: {"counts": None, "diffraction": change(arrays["counts"])}


def longer(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: np.append(arrays[name], [0.0, 1.0]) for name in ("ycoords", "xcoords")}


def strayed(arrays: dict[str, Any]) -> dict[str, Any]:
    """Two halves of a scan, far apart."""
    return {"ycoords": arrays["ycoords"] + 4e5 * (np.arange(N) >= N // 2)}


def part_lost(arrays: dict[str, Any]) -> dict[str, Any]:
    far = (np.arange(N) >= 20) & (np.arange(N) < 31)
    return {"ycoords": np.where(far, 1e6, arrays["ycoords"])}


def wrapped(counts: Any) -> Any:
    """int16 whose largest value ran over."""
    return np.array(counts, int) - 65536 * (counts == counts.max())


NO_PROBE = {"probeGuess": None}
FLAT = 1 + 0.1 * np.random.default_rng(0).normal(size=(SIDE, SIDE))
BAD_ROW = np.s_[:, 5]

CASES = {
    "more positions": Case(longer, "--match first"),
    "more positions, the frames": Case(longer, f"--frames 0:{N}"),
    "fewer positions": Case(lambda a: {k: a[k][:-3] for k in ("ycoords", "xcoords")}, "--match last"),
    "legacy layout, numbers differ": Case(
        lambda a: {"counts": np.moveaxis(a["counts"][:-2], 0, 2)},
        "--layout HWN", "--layout HWN --match first"),
    "legacy layout": Case(changed("counts", lambda a: np.moveaxis(a, 0, 2)), "--layout HWN", code=0),
    "layout not told": Case(
        lambda a: {k: a[k][:SIDE] for k in ("counts", "ycoords", "xcoords")}, "--layout NHW"),
    "integers as amplitude": Case(amplitude_named(lambda a: a.astype(np.uint16)), "--domain counts"),
    "whole floats": Case(amplitude_named(lambda a: a.astype(np.float32)), "--domain counts"),
    "flat-fielded": Case(amplitude_named(lambda a: (a / FLAT).astype("f4")), "--domain counts", code=0),
    "divided by the maximum": Case(amplitude_named(lambda a: a / a.max()), "--domain counts", code=0),
    "amplitude all the same": Case(amplitude_named(lambda a: a / a.max()), "--domain amplitude", code=0),
    "amplitude named counts": Case(changed("counts", np.sqrt), "--domain amplitude", code=0),
    "wrapped int16": Case(changed("counts", wrapped), "--negative unwrap"),
    "background subtracted": Case(changed("counts", lambda a: a - np.float32(0.25)), "--negative zero"),
    "negative row": Case(set_to("counts", BAD_ROW, -1), "--mask FILE.npy", "--mask row.npy"),
    "row without value": Case(set_to("counts", BAD_ROW, np.nan), "--mask FILE.npy", "--mask row.npy"),
    "no probe": Case(lambda _: NO_PROBE, "--refine-probe find"),
    "no probe, from a file": Case(lambda _: NO_PROBE, "--probe-file FILE", "--probe-file probe.npy"),
    "no probe, from a result": Case(lambda _: NO_PROBE, "--probe-file FILE", "--probe-file result.h5"),
    "no probe in a replay": Case(
        lambda _: NO_PROBE, "--probe-file FILE", "--probe-file probe.npy", f"{SOLVER} --refine-window 8"
    ),
    "the model's probe": Case(lambda _: NO_PROBE, "--probe model", command=NETWORK, code=0),
    "the model's probe, the scan's": Case(
        lambda _: NO_PROBE, "--probe-file FILE", "--probe-file probe.npy", NETWORK, code=0),
    "probe not finite": Case(
        set_to("probeGuess", 0, np.nan, "c8"), "--probe-file FILE", "--probe-file probe.npy"),
    "probe of zeros": Case(
        changed("probeGuess", np.zeros_like), "--probe-file none", "--probe-file none --refine-probe find"),
    "probe of another size": Case(
        lambda _: {"probeGuess": np.ones((8, 8))}, "--probe-file FILE", "--probe-file good.npz"),
    "several scans": Case(lambda _: {"scan_index": np.arange(N) // 25}, "--scan-index 0", code=0),
    "several scans as one": Case(lambda _: {"scan_index": np.arange(N) // 25}, "--scan-index all", code=0),
    "scan_index too short": Case(lambda _: {"scan_index": np.zeros(N - 2, int)}, "--match first"),
    "no such scan": Case(
        lambda _: {"scan_index": np.arange(N) // 25}, "choose one of 0, 1",
        command=f"{SOLVER} --scan-index 4", instead=f"{SOLVER} --scan-index 1"),
    "a side for no transform": Case(
        lambda _: {**good(34), "bad_pixels": np.zeros((34, 34), bool)}, "--crop 32"),
    "not square": Case(lambda a: {"counts": a["counts"][:, 1:15]}, "--crop 14"),
    "not square, without probe": Case(
        lambda a: {"counts": good(32)["counts"][:, 2:30], "probeGuess": None}, "--crop 28",
        "--crop 28 --refine-probe find"),
    "a model of another size": Case(lambda _: good(20), f"--crop {SIDE}", command=NETWORK),
    "scan in pieces": Case(strayed, f"--frames {N // 2}:{N}"),
    "scan in two pieces of three": Case(part_lost, f"--frames 0:20,31:{N}"),
    "fewer x than y": Case(changed("xcoords", lambda a: a[:-2]), "--match first"),
    "fewer y than x": Case(changed("ycoords", lambda a: a[2:]), "--match last", "--match last"),
    "patterns cropped, the probe not": Case(
        lambda _: {"counts": good(20)["counts"][:, 2:18, 2:18], "probeGuess": good(20)["probeGuess"]},
        f"--crop {SIDE}"),
    "modes that the model does not know": Case(
        changed("probeGuess", lambda a: np.stack([a, a])[:, 0]), "--probe model", command=NETWORK),
    "metres": Case(
        lambda a: {"ycoords": a["ycoords"] * 2e-8, "xcoords": a["xcoords"] * 2e-8, "pixel_size_m": 2e-8},
        "--orientation scale=5e+07", code=0),
}  # fmt: skip


def typed(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(line.split())
    return int(end.value.code or 0), " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def companions(tmp_path_factory) -> Path:
    """Files that a user has beside a scan."""
    folder, arrays = tmp_path_factory.mktemp("companions"), good()
    np.save(folder / "row.npy", np.arange(SIDE)[:, None] * np.ones(SIDE) == BAD_ROW[1])
    np.save(folder / "probe.npy", arrays["probeGuess"])
    np.savez(folder / "good.npz", **arrays)
    positions = np.stack([arrays["ycoords"], arrays["xcoords"]], axis=1)
    scan = Scan(arrays["counts"], positions, "counts", probe=arrays["probeGuess"])
    save_reconstruction(refine_scan(scan, sweeps=1), folder / "result.h5")
    return folder


@pytest.mark.parametrize("name", CASES)
def test_the_cure_works_when_it_is_typed(name, tmp_path, monkeypatch, capsys, companions):
    case = CASES[name]
    for file in companions.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    arrays = good()
    arrays = {key: value for key, value in {**arrays, **case.spoil(arrays)}.items() if value is not None}
    np.savez("scan.npz", **arrays)
    code, said = typed(capsys, case.command)
    assert (code, case.named in said) == (case.code, True), said
    assert Path("out.h5").exists() == (code == 0)
    code, after = typed(capsys, case.instead or f"{case.command} {case.typed or case.named}")
    assert code == 0, after
    assert Path("out.h5").exists()
    if "--match" not in case.named + case.typed:  # which says again what was cut
        assert case.named not in after


@pytest.mark.parametrize("line", [
    "info scan.npz --json {}", "run scan.npz --refine 1 --no-picture -o out.h5 {}",
])  # fmt: skip
@pytest.mark.parametrize("options", [
    "--match first", "--match last --crop 12", "--frames :20 --crop 8",
    "--match first --mask row.npy --crop 14",
    "--match first --negative zero", "--match first --probe-file probe.npy", "--match first --domain counts",
])  # fmt: skip
def test_sister_commands_take_what_run_takes(tmp_path, monkeypatch, capsys, companions, line, options):
    monkeypatch.chdir(tmp_path)
    for file in companions.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    arrays = good()
    np.savez("scan.npz", **{**arrays, **longer(arrays)})
    assert typed(capsys, line.format(options))[0] == 0


def test_a_result_is_judged_by_the_scan_as_it_was_read(tmp_path, monkeypatch, capsys):
    """Strayed and dark frames, numbers that differ: what `run` read, `compare` and `diagnose` read too."""
    monkeypatch.chdir(tmp_path)
    arrays = good()
    arrays["counts"][11] = 0
    arrays["ycoords"][30] = 5e5
    np.savez("scan.npz", **{**arrays, **longer(arrays)})
    assert typed(capsys, f"{SOLVER} --match first")[0] == 0
    assert typed(capsys, "compare out.h5 scan.npz --diffraction")[0] == 0
    assert typed(capsys, "info out.h5")[0] == 0


def test_info_shows_what_a_scan_holds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arrays = good()
    arrays["counts"][3] = 0
    np.savez("scan.npz", **arrays, scan_index=np.arange(N) // 30)
    for options, scans, dark in (("", {"0": 30, "1": 19}, 1), ("--scan-index 1", {"1": 19}, 0)):
        with pytest.raises(SystemExit):
            cli.main(f"info scan.npz --json {options}".split())
        facts = json.loads(capsys.readouterr().out)
        assert (facts["scan_index"], facts["dark_frames"]) == (scans, dark)


@pytest.mark.parametrize("option", ["--mask", "--probe-file"])
@pytest.mark.parametrize(
    "content", [None, b"", b"text", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"]
)
def test_a_file_that_is_none_is_named(tmp_path, monkeypatch, capsys, option, content):
    monkeypatch.chdir(tmp_path)
    np.savez("scan.npz", **good())
    if content is not None:
        Path("x.npy").write_bytes(content)
    code, said = typed(capsys, f"{SOLVER} {option} x.npy")
    assert code == 2
    assert "x.npy" in said


def test_a_companion_is_never_written_over(tmp_path, monkeypatch, capsys, companions):
    monkeypatch.chdir(tmp_path)
    np.savez("scan.npz", **good())
    (tmp_path / "row.npy").write_bytes((companions / "row.npy").read_bytes())
    code, said = typed(capsys, "run scan.npz --refine 1 --no-picture --mask row.npy -o row.npy")
    assert (code, "--mask" in said) == (2, True)
