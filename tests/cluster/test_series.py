"""Many scans in one call: the results of `run`, a row each, and only what is left the second time."""

import os
import platform
import signal
import sys
from pathlib import Path
from threading import Event, Timer

import pytest

import child_functions
from ptychoscope.cluster.connect import WorkerFacts, connected, mixed_sets
from ptychoscope.cluster.series import run_series
from ptychoscope.cluster.series_report import write_page
from ptychoscope.cluster.series_task import ScanTask, Series
from ptychoscope.io import load_reconstruction

SAME = ("object", "coverage", "positions_px")


def bits(file):
    """Of all that a result says of a sample."""
    result = load_reconstruction(file)
    return [getattr(result, name).tobytes() for name in SAME]


@pytest.mark.slow
def test_three_broken_ones_of_24_are_named_and_done_again_alone(call, scans, scheduler, table):
    good = scans(21)
    Path("junk.npz").write_bytes(b"junk")
    Path("cut.npz").write_bytes(Path(good[0]).read_bytes()[:2000])
    names = " ".join([*good, "junk.npz", "cut.npz", "absent.npz"])
    code, out, err = call(f"series {names} -o out --refine 2 --no-picture --scheduler {scheduler}")
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
    assert bits("alone.h5") == bits("out/s3.h5")
    before = Path("out/s3.h5").stat().st_mtime_ns
    for name in ("junk.npz", "cut.npz", "absent.npz"):
        Path(name).write_bytes(Path(good[1]).read_bytes())
    code, out, err = call(f"series {names} -o out --refine 2 --no-picture --scheduler {scheduler}")
    assert (code, Path("out/s3.h5").stat().st_mtime_ns) == (0, before), err
    assert "24 results (21 were there), 0 failed" in out
    assert call(f"series s3.npz -o out --refine 3 --no-picture --scheduler {scheduler}")[0] == 0
    assert table()["s3.npz"]["state"] == "done"  # other options: made again


@pytest.mark.parametrize("options", ["", "--model MODEL", "--model MODEL --refine 2"])
def test_the_image_is_that_of_run_bit_for_bit(call, scans, scheduler, tiny, options):
    """With the options that nobody gave as well: `balanced` is the default of both."""
    (name,) = scans(1, side=8)
    options = options.replace("MODEL", str(tiny))
    assert call(f"series {name} -o out --scheduler {scheduler} {options}")[0] == 0
    assert call(f"run {name} -o alone.h5 {options}")[0] == 0
    assert bits("alone.h5") == bits("out/s0.h5")


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names an instruction set of x86")
def test_workers_compute_with_the_instruction_set_that_is_named(call, scans, table, monkeypatch):
    (name,) = scans(1)
    monkeypatch.setenv("PTYCHOSCOPE_ISA", "sse41")
    assert call(f"series {name} -o out --refine 2 --no-picture --workers 1")[0] == 0
    assert table()[name]["instruction_set"] == "sse41"
    assert call(f"run {name} -o alone.h5 --refine 2 --no-picture")[0] == 0
    assert bits("alone.h5") == bits("out/s0.h5")


@pytest.mark.slow
def test_a_scan_on_which_workers_die_has_failed_and_others_go_on(tmp_path, scans):
    """However long a worker takes to start again, with a scheduler that tries a task twice."""
    import dask

    hasty = {"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1 ms"}
    names = scans(2)
    tasks = [ScanTask(Path(name).resolve(), tmp_path / f"{name}.h5", None) for name in names]
    series = Series(child_functions.die_on_s0, {"refine": 2}, None, "cpu", {}, None, "asked")
    stop = Event()
    lost = Timer(120, stop.set)
    lost.start()
    with dask.config.set(hasty), connected(workers=1) as client:
        rows = run_series(client, tasks, series, tmp_path, tasks=1, tell=lambda *_: None, stop=stop)
    lost.cancel()
    assert not stop.is_set()
    assert rows[0]["state"] == "failed"
    assert rows[1]["state"] in {"done", "kept"}  # kept: the worker died before it told of it
    assert rows[0]["error_type"] == "KilledWorker"
    assert "the worker died each time it came to this scan" in rows[0]["error"]
    assert len(Path("s0.npz.deaths").read_bytes()) == 4  # twice beside the other, twice alone


def test_the_missing_extra_is_named(refused, scans, monkeypatch):
    scans(1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "ptychoscope[cluster]"' in refused("series s0.npz -o out")


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
def test_what_does_not_go_together_is_said(refused, options, cure):
    assert cure in refused(f"series a.npz -o out {options} ")


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(call, scans, table):
    """Its scan is done by another, or by the one that takes its place."""
    names = scans(4, side=9)
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
    assert bits("alone.h5") == bits("out/s3.h5")


def child_workers():
    """Processes of the local cluster that this test started."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [pid for child in children for pid in child.read_text().split()]
    return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
