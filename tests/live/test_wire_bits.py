"""What comes through a socket is, bit for bit, what the file gives: the star, and positions of a PandA."""

import threading
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest

from ptychoscope.io import load_scan
from ptychoscope.live.account import balanced
from ptychoscope.live.join import Join
from ptychoscope.live.serve_scan import serve_scan
from ptychoscope.live.serve_scan_options import ServeOptions
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.source import open_source
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.simulate import SimulationConfig, simulate_scan

from .scan_events import ListedSource, events_of
from .test_session import same

pytest.importorskip("zmq", reason="streams need pyzmq: the extra [live]")
pytest.importorskip("hdf5plugin", reason="the simulator packs frames with hdf5plugin: the extra [files]")
WIRES = ["dectris", "dectris2", "swmr", "pva"]


def bound(wire, folder):
    """An address that nobody has."""
    if wire == "pva":
        pytest.importorskip("p4p", reason="PVAccess needs p4p: the extra [pva]")
        return f"ptychoscope:{uuid4()}"
    return f"{folder}/growing.h5" if wire == "swmr" else "tcp://127.0.0.1:0"


def through_sockets(scan, settings, wire, folder, **options):
    """The session of `scan`, sent and received by real sockets."""
    addresses, sent = {}, {}
    told = threading.Event()

    def ready(said):
        addresses.update(said)
        told.set()

    served = ServeOptions(wire=wire, bind=bound(wire, folder), wait_s=30, **options)
    thread = threading.Thread(target=lambda: sent.update(serve_scan(scan, served, ready=ready)))
    thread.start()
    assert told.wait(30)
    session = LiveSession([open_source(url) for url in addresses.values()], settings, diagnose=False)
    figures = session.run()
    thread.join()
    return session, figures, sent


@pytest.mark.parametrize("wire", WIRES)
def test_the_star_through_the_socket(data_dir, tmp_path, wire):
    star = load_scan(data_dir / "siemens64.npz")
    counts = np.rint(np.square(np.asarray(star.patterns, np.float64))).astype(np.uint16)
    star = replace(star, patterns=counts, domain="counts").select(slice(0, 200))
    offline = reconstruct(star, batch=16, refine_window=64, refine=1)
    settings = LiveSettings(
        probe=star.probe, position_unit="px", given_positions=star.positions_px, batch=16, closing_sweeps=1
    )
    rate_hz = 1000 if wire == "pva" else None
    session, figures, _ = through_sockets(
        star, settings, wire, tmp_path, rate_hz=rate_hz, with_positions=False
    )
    assert figures["frames"]["placed"] == len(star)
    same(session.results[1], offline)


@pytest.mark.parametrize("wire", WIRES)
def test_positions_of_a_panda_and_of_the_frames_are_the_same(tmp_path, wire):
    scan = simulate_scan(
        SimulationConfig(patch_px=16, rows=8, columns=9, step_px=3, domain="counts", sub_pixel=True, seed=2)
    )
    settings = LiveSettings(
        probe=scan.probe, position_unit="px", batch=8, window_frames=16, closing_sweeps=1, idle_s=2
    )
    inside = LiveSession([ListedSource(events_of(scan))], settings, diagnose=False)
    inside.run()
    (tmp_path / "own").mkdir()
    own, figures, _ = through_sockets(scan, settings, wire, tmp_path / "own")
    assert balanced(figures)
    assert figures["frames"]["placed"] == len(scan)
    same(own.results[1], inside.results[1])
    beside, figures, _ = through_sockets(
        scan, settings, wire, tmp_path, positions_bind="tcp://127.0.0.1:0", rate_hz=400
    )
    assert figures["positions"]["used"] == len(scan)
    assert sorted(beside.results[1].frame_numbers) == list(range(len(scan)))


def test_a_scan_of_positions_alone_is_served():
    scan = simulate_scan(SimulationConfig(patch_px=16, rows=3, columns=4, step_px=3, domain="counts"))
    addresses = {}
    served = ServeOptions(wire="panda", bind="tcp://127.0.0.1:0", wait_s=30)
    told = threading.Event()

    def ready(said):
        addresses.update(said)
        told.set()

    thread = threading.Thread(target=serve_scan, args=(scan, served), kwargs={"ready": ready})
    thread.start()
    assert told.wait(30)
    source, join = open_source(addresses["positions"]), Join()
    for _ in range(20):
        for event in source.poll(0.2):
            join.take(event)
        if join.positions_waiting == len(scan):
            break
    source.close()
    thread.join()
    assert join.positions_waiting == len(scan)
    assert list(addresses) == ["positions"]
