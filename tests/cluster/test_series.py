"""Many scans in one call: the results of `run`, a row each, and only what is left the second time."""

import csv
import os
import signal
from pathlib import Path

import pytest

from ptychoscope import cli
from ptychoscope.cluster.connect import WorkerFacts, mixed_sets
from ptychoscope.cluster.series_report import write_page
from ptychoscope.io import load_reconstruction

pytest.importorskip("distributed", reason="series needs the extra cluster")


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def command(line):
        with pytest.raises(SystemExit) as end:
            cli.main(line.split())
        captured = capsys.readouterr()
        return end.value.code or 0, captured.out, captured.err

    return command


def table():
    with Path("out/series.csv").open(newline="") as file:
        return {row["scan"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_three_broken_ones_of_24_are_named_and_done_again_alone(call):
    good = [f"s{number}.npz" for number in range(21)]
    for seed, name in enumerate(good):
        call(f"simulate -o {name} --patch 16 --rows 6 --columns 6 --step 3 --seed {seed}")
    Path("junk.npz").write_bytes(b"junk")
    Path("cut.npz").write_bytes(Path(good[0]).read_bytes()[:2000])
    names = " ".join([*good, "junk.npz", "cut.npz", "absent.npz"])
    code, out, err = call(f"series {names} -o out --refine 2 --no-picture")
    assert code == 1, err
    assert "21 results (0 were there), 3 failed" in out
    assert "3 of 24 scans failed: junk.npz, cut.npz, absent.npz" in err
    assert {name for name, row in table().items() if row["error_type"]} == {
        "junk.npz",
        "cut.npz",
        "absent.npz",
    }
    assert {file.name for file in Path("out").glob("*.h5")} == {f"s{number}.h5" for number in range(21)}
    call("run s3.npz -o alone.h5 --refine 2 --no-picture")
    for name in ("object", "coverage", "positions_px"):
        alone, there = (getattr(load_reconstruction(file), name) for file in ("alone.h5", "out/s3.h5"))
        assert alone.tobytes() == there.tobytes(), name
    before = Path("out/s3.h5").stat().st_mtime_ns
    for name in ("junk.npz", "cut.npz", "absent.npz"):
        Path(name).write_bytes(Path(good[1]).read_bytes())
    code, out, err = call(f"series {names} -o out --refine 2 --no-picture")
    assert (code, Path("out/s3.h5").stat().st_mtime_ns) == (0, before), err
    assert "24 results (21 were there), 0 failed" in out
    assert call("series s3.npz -o out --refine 3 --no-picture")[0] == 0
    assert table()["s3.npz"]["state"] == "done"  # other options: made again


def test_names_are_escaped_in_the_page(tmp_path):
    page = tmp_path / "series.html"
    write_page([{"scan": "<b>&.npz", "state": "done", "result": "<b>&.h5"}], page, None)
    assert "&lt;b&gt;&amp;.npz" in page.read_text()
    assert "<b>" not in page.read_text()


def test_a_mix_of_instruction_sets_is_said():
    facts = {str(n): WorkerFacts("here", n, name, 2, 1) for n, name in enumerate(("avx2", "avx512", "avx2"))}
    assert "avx2 on here; avx512 on here" in str(mixed_sets(facts))
    assert mixed_sets({"0": facts["0"]}) is None


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ("--tls-ca ca.pem", "--tls-ca belongs to a scheduler at tls://"),
        ("--scheduler tls://127.0.0.1:1 --tls-ca ca.pem", "--tls-cert is missing"),
        ("--scheduler tcp://127.0.0.1:1 --workers 2", "--workers starts processes here"),
        ("--start old.h5", "the result of one scan"),
    ],
)
def test_what_does_not_go_together_is_said(call, options, cure):
    code, _, err = call(f"series a.npz -o out {options} ")
    assert code == 2
    assert cure in err


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(call):
    """Its scan is done by another, or by the one that takes its place."""
    names = [f"s{number}.npz" for number in range(4)]
    for seed, name in enumerate(names):
        call(f"simulate -o {name} --patch 16 --rows 9 --columns 9 --step 3 --seed {seed}")
    killed = []

    def kill_once(say, *, quiet):
        def tell(row, done, of, seconds):
            if not killed:
                killed.extend(child_workers())
                os.kill(killed[0], signal.SIGKILL)

        return tell

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ptychoscope.cli.series._teller", kill_once)
        code, _, err = call(f"series {' '.join(names)} -o out --refine 2000 --workers 2 --no-picture")
    assert code == 0, err
    assert killed
    assert {row["state"] for row in table().values()} <= {"done", "kept"}
    assert len(table()) == 4
    call("run s3.npz -o alone.h5 --refine 2000 --no-picture")
    alone, there = (load_reconstruction(file).object for file in ("alone.h5", "out/s3.h5"))
    assert alone.tobytes() == there.tobytes()


def child_workers():
    """Processes of the local cluster that this test started."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [pid for child in children for pid in child.read_text().split()]
    return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
