"""Results on a real Tiled server in a process of its own: `.ci/tiled` makes its environment, runs this."""

import os
import socket
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from ptychoscope.io import load_reconstruction, save_reconstruction, save_scan
from ptychoscope.live.tiled_sink import TiledSink
from ptychoscope.live.tiled_writer import TiledServer

pytestmark = pytest.mark.slow
KEY = "ofthetests"
PROGRAM = "import sys; from ptychoscope.cli import main; main(sys.argv[1:])"
WORDS = ["--threads", "1", "--window", "16", "--sweeps", "2", "--no-diagnose", "--save-every", "0.2"]


class Server:
    """`tiled serve catalog`, with nothing in it."""

    def __init__(self, python, folder, port=None):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = port or one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (folder / "tiled.log").open("wb")
        words = ["-m", "tiled", "serve", "catalog", "--temp", "--api-key", KEY, "--port", str(self.port)]
        self.process = subprocess.Popen([python, *words], cwd=folder, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 90
        while self.process.poll() is None and time.monotonic() < end:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.2)
        self.kill()
        raise AssertionError((folder / "tiled.log").read_text())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def deleted(self):
        """How many nodes were."""
        return Path(self.log.name).read_text().count("DELETE /api")

    def nodes(self):
        """Everything on it, by its name."""
        from tiled.client import from_uri

        client = from_uri(self.url, api_key=KEY)
        with closing(client.context):
            return {name: (dict(node.metadata), _arrays(node)) for name, node in client.items()}


def _arrays(node):
    return {name: array.read() for name, array in node.items()}


@pytest.fixture(scope="module")
def python():
    path = os.environ.get("PTYCHOSCOPE_TILED")
    if not path:
        pytest.skip("PTYCHOSCOPE_TILED names no python that has tiled[server]: .ci/tiled makes one")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the client imports
        pytest.importorskip("tiled.client", reason="needs the extra [tiled]")
    return path


@pytest.fixture
def serve(python, tmp_path):
    """Starts servers, which end with the test."""
    with ExitStack() as stack:

        def start(port=None):
            made = Server(python, tmp_path, port)
            stack.callback(made.kill)
            return made

        yield start


@pytest.fixture
def server(serve):
    return serve()


@pytest.fixture
def file(offline, tmp_path):
    save_reconstruction(offline, tmp_path / "scan.h5")
    return tmp_path / "scan.h5"


@pytest.fixture
def started():
    """Starts commands, which end with the test."""
    with ExitStack() as stack:

        def start(*words, key=KEY):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, *map(str, words)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    env=os.environ | {"TILED_API_KEY": key},
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def live_of(started, scan, folder, url, rate):
    """A running scan, and what makes it."""
    pytest.importorskip("zmq", reason="streams need pyzmq: the extra [live]")
    save_scan(scan, folder / "scan.npz")
    np.save(folder / "probe.npy", scan.probe)
    replay = started("replay", folder / "scan.npz", "--as", "dectris", "--rate", rate)
    words = [word.strip("'") for word in replay.stderr.readline().removeprefix("serving: ").split()]
    given = ["--probe", folder / "probe.npy", "-o", folder / "live.h5", "--tiled", url]
    return started("live", *words, *given, *WORDS), replay


def ended(process):
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    return err


def same(arrays, result):
    for name, array in arrays.items():
        assert array.dtype == getattr(result, name).dtype
        np.testing.assert_array_equal(array, getattr(result, name), err_msg=name)


def test_a_running_scan_is_there_before_its_end_and_whole_after_it(started, streamed, server, tmp_path):
    live, replay = live_of(started, streamed, tmp_path, server.url, rate=1)  # a server may take seconds
    end, seen = time.monotonic() + 100, {}
    while not seen and live.poll() is None and time.monotonic() < end:
        with suppress(httpx.HTTPStatusError):  # an array between two versions
            seen = {name: held for name, held in server.nodes().items() if held[0].get("frames")}
        time.sleep(0.2)
    ((name, (metadata, arrays)),) = seen.items()
    assert metadata["complete"] is False
    assert 0 < metadata["frames"] < len(streamed)
    assert set(arrays) == {"object", "coverage", "spread", "probe"}
    err = ended(live)
    ended(replay)
    assert err.count("in tiled: ") == 2
    whole = load_reconstruction(tmp_path / "live.h5")
    ((same_name, (metadata, arrays)),) = server.nodes().items()
    assert same_name == name
    assert name.startswith("live-")
    same(arrays, whole)
    assert set(arrays) == {"object", "coverage", "spread", "probe", "positions_px", "frame_numbers"}
    assert metadata["complete"] is True
    assert metadata["frames"] == len(streamed)
    assert tuple(metadata["origin_px"]) == whole.origin_px
    assert metadata["pixel_size_m"] == whole.pixel_size_m
    assert metadata["verdict"] == whole.verdict.figures()
    assert metadata["sentence"] == whole.sentence()
    assert metadata["provenance"] == whole.provenance


def test_a_server_that_is_killed_costs_the_image_nothing(started, streamed, server, tmp_path):
    live, replay = live_of(started, streamed, tmp_path, server.url, rate=12)
    err = []
    for line in live.stderr:
        err.append(line)
        if line.startswith("in tiled: "):
            server.kill()
            break
    err = "".join(err) + ended(live)
    ended(replay)
    assert err.count("tiled lost: ") == 1, err
    assert err.count("not in tiled: ") == 1, err
    found = load_reconstruction(tmp_path / "live.h5")
    assert found.partial is None
    assert sorted(found.frame_numbers) == list(range(len(streamed)))


def test_a_server_that_is_back_gets_what_it_missed(serve, server, offline, file):
    said = []
    partial = replace(offline, provenance={**offline.provenance, "partial": "72 frames so far"})
    with TiledSink(TiledServer(server.url, KEY).send, said.append, again_s=0.5, end_s=60) as sink:
        sink.put(file)
        while not said:
            time.sleep(0.05)
        server.kill()
        save_reconstruction(partial, file)
        sink.put(file)
        while len(said) < 2:
            time.sleep(0.05)
        save_reconstruction(offline, file)
        sink.put(file)
        again = serve(server.port)
    assert [event["event"] for event in said] == ["in tiled", "tiled lost", "tiled back", "in tiled"]
    ((_, (metadata, arrays)),) = again.nodes().items()
    assert metadata["complete"] is True
    same(arrays, offline)


def test_an_image_that_grows_is_written_over_in_place_and_whole_as_it_is(server, offline, file):
    sender, deleted = TiledServer(server.url, KEY), []
    for rows, origin, cells in ((20, (3, -5), (1, 2)), (30, (3, -5), (1, 2)), (30, (-3, -5), (2, 2))):
        part = {name: getattr(offline, name)[:rows] for name in ("object", "coverage", "spread")}
        said = offline.provenance | {"partial": "some frames so far"}
        shown = replace(offline, **part, origin_px=origin, provenance=said)
        save_reconstruction(shown, file)
        assert sender.send(file).whole is False
        ((_, (metadata, arrays)),) = server.nodes().items()
        assert metadata["complete"] is False
        y, x = np.subtract(origin, metadata["origin_px"])
        for name, array in part.items():
            assert arrays[name].shape == tuple(256 * n for n in cells)
            within = np.s_[y : y + rows, x : x + array.shape[1]]
            np.testing.assert_array_equal(arrays[name][within], array)
            arrays[name][within] = 0
            assert not arrays[name].any()
        deleted.append(server.deleted())
    assert deleted == [0, 0, 3]
    save_reconstruction(offline, file)
    sent = sender.send(file)
    ((name, (metadata, arrays)),) = server.nodes().items()
    assert sent.whole
    assert sent.uri.endswith(name)
    assert metadata["complete"] is True
    same(arrays, offline)
    sender.send(file)
    assert len(server.nodes()) == 2, "a scan that is complete is never written over"


@pytest.mark.parametrize(("key", "why"), [(KEY, None), ("another", "401")])
def test_run_sends_what_it_saves_and_a_wrong_key_is_said(started, streamed, server, tmp_path, key, why):
    save_scan(streamed, tmp_path / "scan.npz")
    output = tmp_path / "object.h5"
    run = started(
        "run",
        tmp_path / "scan.npz",
        "-o",
        output,
        "--no-picture",
        "--refine",
        2,
        "--tiled",
        server.url,
        key=key,
    )
    err = ended(run)
    held = server.nodes()
    whole = load_reconstruction(output)
    assert key not in whole.provenance["command_line"]
    if why is None:
        assert err.count("in tiled: ") == 1
        ((_, (metadata, arrays)),) = held.items()
        assert metadata["complete"] is True
        same(arrays, whole)
    else:
        assert err.count("tiled lost: ") == err.count("not in tiled: ") == 1
        assert why in err
        assert key not in err
        assert held == {}
