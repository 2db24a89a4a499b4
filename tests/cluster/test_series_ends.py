"""A series that is cut short: what was done is in the table, and the same command does the rest."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptychoscope.cluster.connect import connected

SERIES = [sys.executable, "-c", "from ptychoscope.cli import main; main()", "series"]


def begun(*words):
    """A series of its own process group, once it has told of the first scan."""
    process = subprocess.Popen(
        [*SERIES, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    first = process.stderr.readline()
    assert first.startswith("1 of 4"), first + process.communicate()[1]
    return process


@pytest.mark.slow
def test_ctrl_c_reaches_workers_and_says_nothing_but_ours(scans, table):
    process = begun(*scans(4), "-o", "out", "--refine", "4000", "--no-picture", "--workers", "1")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    done = int(re.search(r"out: (\d) results \(0 were there\), 0 failed", out)[1])
    assert 1 <= done < 4
    assert len(table()) == done
    assert all(line.startswith(("Stopp", "2 of 4", "3 of 4")) for line in err.splitlines()), err
    assert f"Stopped with {4 - done} left: the same command does them" in err


@pytest.mark.slow
def test_a_scheduler_that_is_killed_is_said_and_a_new_one_goes_on(call, scans, table):
    names = scans(4)
    words = [*names, "-o", "out", "--refine", "4000", "--no-picture", "--scheduler"]
    with Machines() as machines:
        process = begun(*words, machines.address)
        machines.kill_scheduler()
        began = time.monotonic()
        _, err = process.communicate(timeout=120)
        assert time.monotonic() - began < 60
    assert process.returncode == 2, err
    assert "the scheduler went away before all scans were done" in err
    assert "Traceback" not in err, err
    done = len(table())
    assert 1 <= done < 4
    with Machines() as machines:
        code, out, err = call("series " + " ".join([*words, machines.address]))
    assert code == 0, err
    assert re.search(r"4 results \(\d were there\), 0 failed", out)
    states = [row["state"] for row in table().values()]
    assert states.count("kept") >= done
    assert set(states) <= {"kept", "done"}


class Machines:
    """A scheduler and a worker, started as the docs say."""

    def __enter__(self):
        file = Path("scheduler.json").resolve()
        file.unlink(missing_ok=True)
        self._started = [
            dask(
                "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file
            ),
            dask("worker", "--nthreads", "1", "--no-dashboard", "--scheduler-file", file),
        ]
        while not file.exists() or "address" not in file.read_text():
            assert self._started[0].poll() is None
            time.sleep(0.05)
        self.address = re.search(r'"address": "(tcp://127[^"]*)"', file.read_text())[1]
        with connected(self.address) as client:
            client.wait_for_workers(1, timeout=120)
        return self

    def kill_scheduler(self):
        self._started[0].kill()

    def __exit__(self, *_):
        for process in reversed(self._started):  # a worker says good-bye to its scheduler
            process.terminate()
            process.wait(30)


def dask(*words):
    command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *map(str, words[1:])]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
