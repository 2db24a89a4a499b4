"""A file that grows while it is followed: every frame as it was written, and every end is said."""

import os
import signal
import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import pytest

from live_streams import closing, pixels, some_series
from mutations import spoil
from ptychoscope.errors import ConfigError, OutputError, ScanError
from ptychoscope.live.account import Account
from ptychoscope.live.events import Damaged, Frame, Positions, SeriesEnd, SeriesStart
from ptychoscope.live.join import Join
from ptychoscope.live.pack_frames import pack_frames
from ptychoscope.live.source import open_source
from ptychoscope.live.stream_faults import StreamFaults
from ptychoscope.live.swmr.decode import decode
from ptychoscope.live.swmr.follow import GrowingFile
from ptychoscope.live.swmr.options import SwmrOptions
from ptychoscope.live.swmr.simulator import write_growing

hdf5plugin = pytest.importorskip("hdf5plugin", reason="the simulator packs frames: the extra [files]")

POSITIONS = "?positions=/entry/data/positions"
DATA = ":/entry/data/data"
WRITER = """
import sys, time, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    data = file.create_dataset("d", (0, 5, 3), "u2", chunks=(1, 5, 3), maxshape=(None, 5, 3))
    file.swmr_mode = True
    for k in range(10000):
        data.resize(k + 1, 0)
        data[k] = k
        data.flush()
        print(k, flush=True)
        time.sleep(0.01)
"""


def events_of(url, *, until=SeriesEnd, tap=None, within_s=20):
    """What a source says up to the first event of a kind, and the source's problem then."""
    events, over_s = [], time.monotonic() + within_s
    with closing(open_source(url, tap=tap)) as source:
        while not any(isinstance(event, until) for event in events):
            assert time.monotonic() < over_s, (events[-3:], source.problem)
            events += source.poll(0.1)
        source.poll(0.1)
        return events, source.problem


def frames_in(events):
    return {event.number: pixels(event) for event in events if isinstance(event, Frame)}


@pytest.mark.parametrize(
    ("shape", "dtype", "codec"),
    [
        ((33, 20), "uint16", "bslz4"),
        ((1, 7), "uint8", "lz4"),
        ((17, 1), "uint32", "bslz4"),
        ((8, 8), "uint16", "none"),
    ],
)
def test_what_is_written_is_read_while_it_grows(tmp_path, shape, dtype, codec):
    series = some_series(40, shape, dtype, positions=np.random.default_rng(0).random((40, 2)))
    writing = {"rate_hz": 400, "codec": codec}
    thread = threading.Timer(0.1, write_growing, (tmp_path / "g.h5", series), writing)
    thread.start()  # the reader is there before the file
    events, problem = events_of(f"swmr:{tmp_path}/g.h5{DATA}{POSITIONS}&series=3&frames=40")
    thread.join()
    found = frames_in(events)
    assert problem is None
    assert list(found) == list(range(40))
    for k, frame in found.items():
        np.testing.assert_array_equal(frame, series.frames[k])
    assert {event.codec for event in events if isinstance(event, Frame)} == {codec}
    yx = np.concatenate([event.yx for event in events if isinstance(event, Positions)])
    np.testing.assert_array_equal(yx, series.positions)
    start, end = events[0], events[-1]
    assert isinstance(start, SeriesStart)
    assert (start.shape, start.dtype, start.series, start.frames) == (shape, series.dtype, 3, 40)
    assert (end.frames, end.aborted) == (40, False)


@pytest.mark.parametrize(
    "layout",
    [
        {"chunks": (4, 7, 5), "compression": "gzip"},
        {"chunks": (3, 7, 5)} | dict(hdf5plugin.Bitshuffle(cname="lz4")),
        {"chunks": (1, 4, 5)} | dict(hdf5plugin.LZ4()),
        {"chunks": (1, 7, 5)} | dict(hdf5plugin.Zstd()),
        {},
    ],
    ids=["gzip", "several in a chunk", "tiles", "zstandard", "contiguous"],
)
@pytest.mark.parametrize("dtype", ["<f4", ">u2"])
def test_files_of_other_writers(tmp_path, layout, dtype):
    frames = np.random.default_rng(1).poisson(9, (10, 7, 5)).astype(dtype)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("a/b", data=frames, **layout)
        file["y"], file["x"] = np.arange(10.0), np.arange(10.0) / 2
    events, _ = events_of(f"swmr:{tmp_path}/f.h5:/a/b?positions=/y,/x")
    for k, frame in frames_in(events).items():
        np.testing.assert_array_equal(frame, frames[k])
        assert frame.dtype == np.dtype(dtype).newbyteorder("<")
    assert len(frames_in(events)) == 10
    (yx,) = [event.yx for event in events if isinstance(event, Positions)]
    np.testing.assert_array_equal(yx, np.stack([np.arange(10), np.arange(10) / 2], axis=1))


def test_faults_of_a_writer_are_counted(tmp_path):
    series = some_series(200, (9, 8), positions=np.zeros((200, 2)))
    faults = StreamFaults(loss=0.1, reorder=0.2, cut=0.1, delay=0.02, seed=4)
    record = write_growing(tmp_path / "g.h5", series, faults=faults)
    join = Join(account := Account())
    joined = [
        pair for event in events_of(f"swmr:{tmp_path}/g.h5{DATA}{POSITIONS}")[0] for pair in join.take(event)
    ]
    join.settle()
    good = {pair.frame.number for pair in joined if _unpacks(pair.frame)}
    assert good == set(record.sent)
    lost = account.snapshot()["frames"]["lost"]
    assert len(joined) + lost["damaged"] + lost["never_arrived"] == 200
    assert lost["never_arrived"] + lost["damaged"] >= len(record.lost)


def _unpacks(frame):
    try:
        return pixels(frame).shape == frame.shape
    except ScanError:
        return False


def test_a_writer_that_is_killed_is_said_and_nothing_of_it_lost(tmp_path):
    path = tmp_path / "k.h5"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    last = 0
    while last < 30:
        last = int(writer.stdout.readline())
    writer.kill()
    rest, _ = writer.communicate()
    last = int(rest.split()[-1]) if rest.split() else last
    events, problem = events_of(f"swmr:{path}:/d?idle=0.4")
    found = frames_in(events)
    assert set(range(last + 1)) <= set(found)
    assert all((frame == k).all() for k, frame in found.items())
    assert events[-1].aborted
    assert "was killed or is stuck" in problem
    write_growing(tmp_path / "a.h5", some_series(20, (4, 4)), faults=StreamFaults(abort_after=11))
    events, problem = events_of(f"swmr:{tmp_path}/a.h5{DATA}?idle=0.1")
    assert (len(frames_in(events)), events[-1].aborted) == (11, True)
    assert "was killed or is stuck" in problem


@pytest.mark.parametrize("end", ["/done", "/d@done", None])
def test_the_end_is_a_mark_or_a_number_of_frames_and_frames_wait_until_they_are_ready(tmp_path, end):
    path, found, source = tmp_path / "m.h5", [], None
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset("d", (12, 3, 3), "u2", chunks=(1, 3, 3))
        file.create_dataset("done", (1,), "i4", chunks=(1,))
        ready = file.create_dataset("ready", (12, 1, 1), "i4", chunks=(12, 1, 1))
        data.attrs["done"] = 0
        data[...] = 0
        file.swmr_mode = True
        asked = "&frames=7" if end is None else f"&end={end}"
        with closing(open_source(f"swmr:{path}:/d?ready=/ready{asked}")) as source:
            for k in range(7):
                data[k] = k + 1
                data.flush()
                ready[k] = 1
                ready.flush()
                if k == 3:  # the reader is faster than the writer, and has them all
                    found += _until(source, lambda found: len(frames_in(found)) == 4)
            if end is not None:
                file["done"][0] = data.attrs["done"] = 1
                file["done"].flush()
                data.flush()
            found += _until(source, lambda found: isinstance(found[-1], SeriesEnd))
    assert {k: int(frame[0, 0]) for k, frame in frames_in(found).items()} == {k: k + 1 for k in range(7)}
    assert (found[-1].frames, found[-1].aborted) == (7, False)


def _until(source, enough):
    found, over_s = [], time.monotonic() + 10
    while not found or not enough(found):
        assert time.monotonic() < over_s, (found, source.problem)
        found += source.poll(0.05)
    return found


def test_a_thousand_mutated_chunks(tmp_path):
    """Each is pixels or `damaged`; none takes its neighbours with it."""
    import random

    rng, count = random.Random(3), 1000
    frame = some_series(1, (33, 20)).frames
    (chunk,) = pack_frames(frame, "bslz4")
    with h5py.File(tmp_path / "f.h5", "w", libver="latest") as file:
        data = file.create_dataset(
            "d", (count, 33, 20), "u2", chunks=(1, 33, 20), **hdf5plugin.Bitshuffle(cname="lz4")
        )
        for k in range(count):
            spoilt = chunk if k % 10 == 0 else spoil(chunk, rng)
            data.id.write_direct_chunk((k, 0, 0), spoilt or b"\0")
    events, _ = events_of(f"swmr:{tmp_path}/f.h5:/d")
    frames = [event for event in events if isinstance(event, Frame)]
    damaged = [event for event in events if isinstance(event, Damaged)]
    assert len(frames) + len(damaged) == count
    whole = [each for each in frames if each.number % 10 == 0]
    assert len(whole) == 100
    assert all((pixels(each) == frame[0]).all() for each in whole)
    assert sum(not _unpacks(each) for each in frames) + len(damaged) > 100


def test_hdf5_that_crashes_ends_its_own_process_alone(tmp_path):
    """As libhdf5 does on some damaged files: the series ends, said, and in the capture as well."""
    write_growing(tmp_path / "g.h5", some_series(30, (4, 4)), faults=StreamFaults(abort_after=20))
    kept = []
    with closing(
        open_source(f"swmr:{tmp_path}/g.h5{DATA}", tap=lambda parts, _: kept.append(list(parts)))
    ) as source:
        found = _until(source, lambda found: len(frames_in(found)) == 20)
        os.kill(source._child.pid, signal.SIGSEGV)
        found += _until(source, lambda found: isinstance(found[-1], SeriesEnd))
        assert "signal 11" in source.problem
        assert found[-1].aborted
        assert isinstance(found[-2], Damaged)
        assert source.poll(0) == []
    again = [type(event) for parts in kept for event in decode(parts, 0.0)]
    assert again == [type(event) for event in found]


def test_what_is_not_there_is_named(tmp_path):
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file["plane"], file["text"], file["d"] = np.ones((3, 3)), "x", np.ones((2, 3, 3), "u2")
        file["virtual"] = h5py.SoftLink("/nowhere")
    for address, what in {
        ":/none": "there is no data set /none",
        ":/virtual": "there is no data set /virtual",
        ":/plane": r"frames are \(n, H, W\)",
        ":/text": r"frames are \(n, H, W\)",
        ":/d?positions=/d": r"positions are \(n, 2\)",
        ":/d?ready=/text": "ready has a row a frame",
    }.items():
        asked, _, option = f"{path}{address}".partition("?")
        options = SwmrOptions.of_address(asked, **dict([option.split("=")] if option else []))
        with pytest.raises(ScanError, match=what):
            list(GrowingFile(options).look())
    with pytest.raises(ScanError, match="there is no data set /none"):
        events_of(f"swmr:{path}:/none")
    assert len(frames_in(events_of(f"swmr:{path}:/d")[0])) == 2
    (tmp_path / "no.h5").write_bytes(b"no HDF5")
    with closing(open_source(f"swmr:{tmp_path}/no.h5:/d")) as source:
        until = time.monotonic() + 30
        while source.problem is None and time.monotonic() < until:  # its process takes a while to begin
            assert source.poll(0.1) == []
        assert "cannot be followed yet" in source.problem


def test_addresses_and_options_that_cannot_be(tmp_path):
    for address, what in {
        "swmr:f.h5": "names no data set",
        "swmr:f.h5:/d?positions=a": "must be a path",
        "swmr:f.h5:/d?positions=/a,/b,/c": "two: y,x",
        "swmr:f.h5:/d?idle=0": "idle must be from",
        "swmr:f.h5:/d?frames=x": "frames must be a number",
        "swmr:f.h5:/d?kind=sub": "unknown option 'kind'",
    }.items():
        with pytest.raises(ConfigError, match=what):
            open_source(address)
    series = some_series(2, (4, 4))
    with pytest.raises(ConfigError, match="leave repeat and garbage out"):
        write_growing(tmp_path / "f.h5", series, faults=StreamFaults(repeat=0.1))
    write_growing(tmp_path / "f.h5", series)
    with pytest.raises(OutputError, match="not there yet"):
        write_growing(tmp_path / "f.h5", series)
