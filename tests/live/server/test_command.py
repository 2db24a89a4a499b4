"""`ptychoscope live --http` as a user types it."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx
import numpy as np
import pytest

from .running import some_scan

pytest.importorskip("zmq", reason="streams need pyzmq: the extra [live]")
PROGRAM = "import sys; from ptychoscope.cli import main; main(sys.argv[1:])"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_it_serves_until_it_is_stopped(tmp_path, host):
    """Elsewhere than on this machine it asks for a token, which it has said once and writes nowhere."""
    np.save(tmp_path / "probe.npy", some_scan().probe)
    words = ["live", "--source", "dectris://127.0.0.1:9", "--probe", tmp_path / "probe.npy"]
    words += ["-o", tmp_path / "scan.h5", "--http", f"{host}:0", "--log", tmp_path / "log.jsonl"]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = process.stderr.readline()
        found = re.fullmatch(r"The page: http://[\d.]+:(\d+)/(?:\?token=(\S+))?\n", said)
        assert found, said
        url = f"http://127.0.0.1:{found[1]}/api/v1"
        bearer = {} if found[2] is None else {"Authorization": f"Bearer {found[2]}"}
        assert (found[2] is None) == (host == "127.0.0.1")
        assert httpx.get(f"{url}/state", headers=bearer).json()["state"] == "waiting"
        if bearer:
            assert httpx.get(f"{url}/state").status_code == 401
        assert httpx.post(f"{url}/stop", json={}, headers=bearer).json() == {"ok": True}
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "0 frames placed" in out
    log = (tmp_path / "log.jsonl").read_text()
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["held"]
    assert found[2] is None or found[2] not in log + err


@contextmanager
def serving(folder):
    """`ptychoscope live --http`, which waits for frames; the process, and the address of its page."""
    np.save(folder / "probe.npy", some_scan().probe)
    words = ["live", "--source", "dectris://127.0.0.1:9", "--probe", folder / "probe.npy"]
    words += ["-o", folder / "scan.h5", "--http", "127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, process.stderr.readline().split()[-1]
        finally:
            process.kill()


def page_process_of(process):
    """The number of the process that serves its page."""
    (found,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(found)


def gone(url):
    """Whether nobody listens there."""
    try:
        httpx.get(url, timeout=10)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # it is going
        pass
    return False


def test_the_page_ends_with_its_run_however_that_ends(tmp_path):
    with serving(tmp_path) as (process, url):
        assert httpx.get(url).status_code == 200
        process.kill()
    until = monotonic() + 30
    while not gone(url):
        assert monotonic() < until


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the page's process")
def test_a_run_goes_on_without_its_page(tmp_path):
    with serving(tmp_path) as (process, _):
        os.kill(page_process_of(process), signal.SIGKILL)
        assert process.stderr.readline() == (
            "problem: why the process of the page has ended; the run goes on without\n"
        )
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
