"""A series written to an HDF5 file in SWMR mode, frame by frame, as a detector's writer does it."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ptychoscope.errors import ConfigError, OutputError
from ptychoscope.live.pack_frames import Packing, pack_frames
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage
from ptychoscope.live.stream_faults import SentRecord, StreamFaults, with_faults
from ptychoscope.live.swmr.decode import Head, message

FRAMES_PATH, POSITIONS_PATH = "/entry/data/data", "/entry/data/positions"
_FLUSH_S = 0.005


def messages(series: SimulatedSeries, *, codec: Packing = "bslz4") -> Iterator[WireMessage]:
    """What the follower of such a file says of it; the last part of a frame is its chunk.

    Raises `MissingExtraError` where frames are to be packed, and the extra `files` is not installed.
    """
    said = {"series": series.series, "shape": list(series.shape), "dtype": series.dtype.newbyteorder("<").str}
    yield WireMessage("start", message(Head(what="start", frames=len(series.frames), **said)))  # type: ignore[arg-type]
    for first, frames in series.blocks():
        for number, blob in enumerate(pack_frames(frames, codec), first):
            head = Head(what="frame", number=number, codec=codec, **said)  # type: ignore[arg-type]
            yield WireMessage("frame", message(head, blob), number)
    yield WireMessage("end", message(Head(what="end", series=series.series, frames=len(series.frames))))


def write_growing(
    path: Path,
    series: SimulatedSeries,
    *,
    frames_path: str = FRAMES_PATH,
    codec: Packing = "bslz4",
    rate_hz: float | None = None,
    faults: StreamFaults | None = None,
    stop: threading.Event | None = None,
) -> SentRecord:
    """Write a new file; returns what became of the frames.

    Parameters
    ----------
    rate_hz
        Frames in a second; None: as fast as they can be written.
    faults
        A lost frame is never written, a late one after others, a cut one ends too early. After
        `abort_after` frames the file is left as by a writer that was killed.
    stop
        Ends the writing when it is set.

    Raises
    ------
    ConfigError
        A fault, or the rate, is none that a file can have.
    OutputError
        The file is there, or cannot be written.
    """
    faults, stop = faults or StreamFaults(), stop or threading.Event()
    if faults.repeat or faults.garbage:
        raise ConfigError(
            "a file holds no frame twice and no garbage: leave repeat and garbage out of the faults"
        )
    if rate_hz is not None and not 0 < rate_hz < float("inf"):
        raise ConfigError(f"rate_hz must be a positive number, got {rate_hz}")
    import h5py

    try:
        file = h5py.File(path, "x", libver="latest")
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error}): name a file that is not there yet") from error
    record = SentRecord()
    with file:
        writer = _Writer(file, series, frames_path, codec)
        due_s = time.monotonic()
        for pause_s, each in with_faults(_chunks(series, codec), faults, record):
            due_s += pause_s + (1 / rate_hz if rate_hz else 0.0)
            wait_s = due_s - time.monotonic()
            if stop.wait(wait_s) if wait_s > 0 else stop.is_set():
                break
            writer.put(each.number or 0, each.parts[0])
        whole = faults.abort_after is None
        writer.close(len(series.frames) if whole else 0)
        if not whole:
            shutil.copyfile(path, f"{path}.unclosed")
    if not whole:
        os.replace(f"{path}.unclosed", path)
    return record


def _chunks(series: SimulatedSeries, codec: Packing) -> Iterator[WireMessage]:
    """Frames as the file has them, which is what can be cut."""
    for each in messages(series, codec=codec):
        if each.kind == "frame":
            yield each._replace(parts=each.parts[1:])


class _Writer:
    """Data sets that grow with every frame."""

    def __init__(self, file: Any, series: SimulatedSeries, path: str, codec: Packing) -> None:
        shape = series.shape
        packing: dict[str, Any] = {}
        if codec != "none":
            import hdf5plugin

            packing = dict(hdf5plugin.Bitshuffle(cname="lz4") if codec == "bslz4" else hdf5plugin.LZ4())
        self._file, self._positions, self._flushed_s = file, series.positions, time.monotonic()
        self._frames = file.create_dataset(
            path,
            (0, *shape),
            series.dtype.newbyteorder("<"),
            chunks=(1, *shape),
            maxshape=(None, *shape),
            **packing,
        )
        self._yx = None
        if self._positions is not None:
            self._yx = file.create_dataset(
                POSITIONS_PATH, (0, 2), "f8", chunks=(512, 2), maxshape=(None, 2), fillvalue=np.nan
            )
        file.swmr_mode = True

    def put(self, number: int, blob: bytes) -> None:
        """Write a frame, and the positions up to it."""
        if number >= len(self._frames):
            self._frames.resize(number + 1, 0)
        self._frames.id.write_direct_chunk((number, 0, 0), blob)
        self._place(number + 1)
        if time.monotonic() - self._flushed_s > _FLUSH_S:
            self._flush()

    def close(self, frames: int) -> None:
        """The file is as long as the series, and on the disk."""
        if frames > len(self._frames):
            self._frames.resize(frames, 0)
        self._place(frames)
        self._flush()

    def _place(self, stop: int) -> None:
        if self._yx is not None and self._positions is not None and stop > len(self._yx):
            first = len(self._yx)
            self._yx.resize(stop, 0)
            self._yx[first:stop] = self._positions[first:stop]

    def _flush(self) -> None:
        self._frames.flush()
        if self._yx is not None:
            self._yx.flush()
        self._flushed_s = time.monotonic()
