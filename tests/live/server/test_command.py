"""`ptychoscope live --http` as a user types it."""

import json
import re
import signal
import subprocess
import sys

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
