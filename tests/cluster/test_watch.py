"""`--watch`: scans are done as they come, each once and none before it is whole."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ptychoscope.cluster import watched_folder
from ptychoscope.cluster.watched_folder import WatchedFolder
from ptychoscope.errors import ConfigError, ScanError


@pytest.fixture
def at_once(monkeypatch):
    """A look is always due."""
    monkeypatch.setattr(watched_folder, "LOOK_EVERY_S", 0.0)


def names(watched):
    return [path.name for path in watched.newcomers()]


def test_a_file_is_taken_once_and_when_it_stands_still(tmp_path, at_once):
    watched = WatchedFolder(tmp_path, apart=[tmp_path / "positions.h5"])
    (tmp_path / "a.npz").write_bytes(b"12")
    for other in ("positions.h5", ".b.npz", "notes.txt"):
        (tmp_path / other).write_bytes(b"1")
    (tmp_path / "empty.h5").touch()
    (tmp_path / "folder.h5").mkdir()
    assert names(watched) == []
    (tmp_path / "a.npz").write_bytes(b"123")
    assert names(watched) == []  # it grew
    os.utime(tmp_path / "a.npz", ns=(1, 1))
    assert names(watched) == []  # it was written to
    (tmp_path / "c.CXI").write_bytes(b"1")
    assert names(watched) == ["a.npz"]
    assert names(watched) == ["c.CXI"]
    (tmp_path / "a.npz").write_bytes(b"1234")
    assert names(watched) == names(watched) == []


def test_a_pattern_chooses_names(tmp_path, at_once):
    watched = WatchedFolder(tmp_path / "*_master.h5")
    for name in ("s_master.h5", "s_data_000001.h5"):
        (tmp_path / name).write_bytes(b"1")
    assert [names(watched), names(watched)] == [[], ["s_master.h5"]]


def test_between_looks_nothing_is_read(tmp_path):
    watched = WatchedFolder(tmp_path)
    (tmp_path / "a.npz").write_bytes(b"1")
    assert [names(watched), names(watched)] == [[], []]


def test_a_folder_that_is_not_there_is_said(tmp_path, at_once):
    with pytest.raises(ConfigError, match="there is no such folder"):
        WatchedFolder(tmp_path / "absent")
    (tmp_path / "gone").mkdir()
    watched = WatchedFolder(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ScanError, match="is gone"):
        watched.newcomers()


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        ("-o out", "name their files, or the folder they come to with --watch"),
        ("-o night --watch night", "give the results one of their own"),
        ("-o out --watch absent", "there is no such folder"),
    ],
)
def test_what_cannot_be_watched_is_said(call, tmp_path, words, cure):
    (tmp_path / "night").mkdir()
    code, _, err = call(f"series {words}")
    assert (code, cure in err) == (2, True), err


@pytest.mark.slow
def test_scans_that_come_are_done_until_ctrl_c(call, scans, table, scheduler, monkeypatch):
    monkeypatch.setattr(watched_folder, "LOOK_EVERY_S", 0.2)
    first, second, named = scans(3)
    Path("night").mkdir()
    Path(first).rename(f"night/{first}")
    Path("night/junk.npz").write_bytes(b"junk")
    content = Path(second).read_bytes()
    Path(second).unlink()

    def write():
        with Path(f"night/{second}").open("wb") as file:
            for part in (content[:500], content[500:3000], content[3000:]):
                file.write(part)
                file.flush()
                time.sleep(0.1)
        Path("night/s0.h5").write_bytes(content)  # its result would be that of s0.npz
        end = time.monotonic() + 60
        while time.monotonic() < end and (not Path("out/series.csv").exists() or len(table()) < 5):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    writer = threading.Thread(target=write)
    writer.start()
    options = f"--refine 2 --no-picture --scheduler {scheduler}"
    code, out, err = call(f"series {named} --watch night -o out {options}")
    writer.join()
    assert code == 1, err
    assert "3 results (0 were there), 2 failed" in out
    assert "junk.npz" in err
    assert "s0.npz: give it another name" in table()["s0.h5"]["error"]
    assert [table()[name]["state"] for name in (first, second, named)] == ["done"] * 3
