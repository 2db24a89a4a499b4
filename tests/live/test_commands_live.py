"""`live`, `replay` and `reprocess` as a user types them, with real sockets between processes."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ptychoscope.io import load_reconstruction, load_scan, save_scan
from ptychoscope.live.capture import CaptureReader
from ptychoscope.live.capture_header import read_head
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.simulate import SimulationConfig, simulate_scan

pytest.importorskip("zmq", reason="streams need pyzmq: the extra [live]")
pytest.importorskip("hdf5plugin", reason="the simulator packs frames with hdf5plugin: the extra [files]")

CONFIG = SimulationConfig(patch_px=16, rows=8, columns=9, step_px=3, photons=1e5, domain="counts", seed=2)
PROGRAM = "import sys; from ptychoscope.cli import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    scan = simulate_scan(CONFIG)
    save_scan(scan, folder / "scan.npz")
    np.save(folder / "probe.npy", scan.probe)
    with (folder / "positions.csv").open("w") as file:
        file.write("index,y_px,x_px\n")
        file.writelines(f"{k},{float(y)!r},{float(x)!r}\n" for k, (y, x) in enumerate(scan.positions_px))
    return folder


def started(*words):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def served(files, wire, *more):
    """A replay that serves, and the words by which live finds it."""
    replay = started("replay", files / "scan.npz", "--as", wire, "--json", *more)
    line = replay.stderr.readline()
    assert line.startswith("serving: "), line + replay.stderr.read()
    return replay, [word.strip("'") for word in line.removeprefix("serving: ").split()]


def ended(process, code=0):
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out, err


def live_of(files, words, output, *more):
    options = ["--probe", files / "probe.npy", "--threads", 1, "--window", 16, "--sweeps", 2, "--no-diagnose"]
    return started("live", *words, *options, "-o", output, "--json", *more)


@pytest.mark.parametrize("wire", ["dectris", "dectris2", "swmr", "pva"])
def test_a_replay_through_the_socket_gives_the_bits_of_run(files, tmp_path, wire):
    offline = reconstruct(load_scan(files / "scan.npz"), batch=8, refine_window=16, refine=2)
    if wire == "pva":
        pytest.importorskip("p4p", reason="PVAccess needs p4p: the extra [pva]")
    bind = {"swmr": tmp_path / "g.h5", "pva": "ptychoscope:replay"}.get(wire, "tcp://127.0.0.1:0")
    replay, words = served(files, wire, "--without-positions", "--bind", bind)
    given = ["--positions", files / "positions.csv", "--capture", tmp_path / "c"]
    out, err = ended(live_of(files, words, tmp_path / "live.h5", "--batch", 8, *given))
    ended(replay)
    figures = json.loads(out)
    assert figures["frames"]["placed"] == 72
    assert figures["frames"]["in_hand"] == 0
    assert figures["latency"]["count"] == 72
    found = load_reconstruction(tmp_path / "live.h5")
    assert found.object.tobytes() == offline.object.tobytes()
    assert found.origin_px == offline.origin_px
    assert json.loads(err.splitlines()[0])["event"] == "series"
    recorded = read_head(CaptureReader(tmp_path / "c")).settings
    assert recorded.scratch == (str(tmp_path) if sys.platform == "linux" else None)
    ended(started("reprocess", tmp_path / "c", "-o", tmp_path / "again.h5"))
    assert load_reconstruction(tmp_path / "again.h5").object.tobytes() == offline.object.tobytes()


def test_positions_come_beside_the_frames_and_faults_are_counted(files, tmp_path):
    faults = "loss=0.1,repeat=0.1,reorder=0.3,cut=0.05,garbage=0.1,seed=3"
    bind = ["--positions-bind", "tcp://127.0.0.1:0", "--rate", 300]
    replay, words = served(files, "dectris", *bind, "--faults", faults)
    out, _ = ended(live_of(files, words, tmp_path / "live.h5", "--idle", 1))
    sent = json.loads(ended(replay)[0])
    frames = json.loads(out)["frames"]
    lost = frames["lost"]
    assert lost["repeated"] == sent["repeated"]
    assert lost["never_arrived"] + lost["damaged"] == sent["lost"] + sent["cut"] + sent["garbage"]
    assert frames["placed"] == 72 - sent["lost"] - sent["cut"]
    assert frames["in_hand"] == 0


def test_two_series_in_a_row(files, tmp_path):
    replay, words = served(files, "dectris2", "--series", 2)
    out, _ = ended(live_of(files, words, tmp_path / "live.h5", "--series", 2))
    ended(replay)
    assert json.loads(out)["series"] == 2
    assert {file.name for file in tmp_path.iterdir()} == {"live-series1.h5", "live-series2.h5"}


def test_ctrl_c_keeps_what_is_there(files, tmp_path):
    replay, words = served(files, "dectris", "--faults", "abort_after=40")
    more = ["--idle", 60, "--series", 0, "--save-every", 0.2]
    live = live_of(files, words, tmp_path / "live.h5", *more)
    ended(replay)
    while not ('"saved"' in (line := live.stderr.readline()) and json.loads(line)["frames"] == 40):
        assert live.poll() is None, line
    live.send_signal(signal.SIGINT)
    out, err = ended(live)
    assert json.loads(out)["frames"]["placed"] == 40
    assert "keeping what is there" in err
    assert len(load_reconstruction(tmp_path / "live-series1.h5").positions_px) == 40


@pytest.mark.parametrize(
    "kills", [3, pytest.param(20, marks=pytest.mark.slow)], ids=["a few times", "twenty times"]
)
def test_a_killed_run_leaves_what_it_acknowledged_and_is_completed(files, tmp_path, kills):
    for k, delay in enumerate(np.random.default_rng(kills).uniform(0.2, 1.2, kills)):
        folder = tmp_path / str(k)
        folder.mkdir()
        replay, words = served(files, "dectris", "--rate", 60)
        options = ["--capture", folder / "c", "--save-every", 0.1]
        live = live_of(files, words, folder / "live.h5", *options)
        first = live.stderr.readline()  # the series has begun
        assert "series" in first
        time.sleep(delay)
        os.kill(live.pid, signal.SIGKILL)
        _, err = live.communicate()
        replay.kill()
        replay.communicate()
        saved = [
            json.loads(line)["frames"] for line in err.splitlines() if '"saved"' in line and line[-1] == "}"
        ]
        if saved:
            assert len(load_reconstruction(folder / "live.h5").positions_px) >= saved[-1]
        ended(started("reprocess", folder / "c", "-o", folder / "again.h5"))
        came = sum(
            len(record.parts) == 5 for record in CaptureReader(folder / "c") if hasattr(record, "parts")
        )
        if came:
            again = load_reconstruction(folder / "again.h5")
            assert sorted(again.frame_numbers) == list(range(came))
            assert came >= max(saved, default=0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "zmq://here:1"], "must be one of dectris"),
        (["--source", "dectris://h:1", "--window", "0"], "give --model"),
        (["--source", "dectris://h:1", "--positions", "raster:2"], "a raster must be"),
        (["--source", "dectris://h:1", "--probe", "none.npy"], "none.npy"),
        (["--source", "dectris://h:1", "--orientation", "shift_frames=1"], "not for a running scan"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, words, said):
    _, err = ended(started("live", *words, "-o", tmp_path / "x.h5"), 2)
    assert said in err
