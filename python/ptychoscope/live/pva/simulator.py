"""A series as NTNDArrays, and a server that publishes them as areaDetector does."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.live.pack_frames import Packing, pack_frames
from ptychoscope.live.pva.ntnd import SCALAR_TYPES, ImageHead, fields_of
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage
from ptychoscope.live.stream_faults import SentRecord, StreamFaults, paced

PvaCodec = Literal["", "lz4", "bslz4", "blosc"]
_PACKING: dict[str, Packing] = {"": "none", "blosc": "none", "lz4": "lz4_block", "bslz4": "bslz4"}
_HEADER_BYTES = 12  # of HDF5's filter, which areaDetector leaves out
_DEFAULT_HZ = 100.0


def messages(series: SimulatedSeries, *, codec: PvaCodec = "bslz4", first: int = 0) -> Iterator[WireMessage]:
    """Every frame as the parts of an NTNDArray; `first` is the `uniqueId` of the first.

    Positions of `series` are the attributes Y and X. Raises `MissingExtraError` where frames are to be
    packed, and what packs them is not installed.
    """
    if codec not in _PACKING:
        raise ConfigError(f"codec must be one of {', '.join(map(repr, _PACKING))}, got {codec!r}")
    height, width = series.shape
    little = series.dtype.newbyteorder("<")
    for begin, frames in series.blocks():
        for number, blob in enumerate(pack_frames(frames, _PACKING[codec]), begin):
            yx = None if series.positions is None else series.positions[number]
            head = ImageHead(
                unique_id=number + first,
                sizes=[width, height],
                dtype=f"<u{series.dtype.itemsize}" if not codec else "<u1",
                codec=codec,
                parameters=next(code for code, dtype in SCALAR_TYPES.items() if dtype == little)
                if codec
                else None,
                uncompressed_size=frames[0].nbytes,
                attributes={} if yx is None else {"Y": float(yx[0]), "X": float(yx[1])},
                seconds=time.time_ns() // 10**9,
            )
            yield WireMessage("frame", [msgspec.json.encode(head), _packed(blob, codec, series)], number)


def _packed(blob: bytes, codec: PvaCodec, series: SimulatedSeries) -> bytes:
    if codec == "bslz4":
        return blob[_HEADER_BYTES:]
    if codec != "blosc":
        return blob
    try:
        import blosc
    except ImportError as error:
        raise MissingExtraError('packing with blosc needs it: pip install "ptychoscope[pva]"') from error
    return bytes(blosc.compress(blob, typesize=series.dtype.itemsize, cname="lz4"))


class PvaServer:
    """Publishes one PV to this machine alone, a context manager. Raises `MissingExtraError` without p4p."""

    def __init__(self, name: str) -> None:
        try:
            from p4p import Value
            from p4p.nt import NTNDArray
            from p4p.server import Server
            from p4p.server.thread import SharedPV
        except ImportError as error:
            raise MissingExtraError('serving PVAccess needs p4p: pip install "ptychoscope[pva]"') from error
        self._value, self._type = Value, NTNDArray.buildType()
        self._listened = threading.Event()
        self._pv = SharedPV(initial=Value(self._type, {}), handler=_Handler(self._listened))
        here = {
            "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
            "EPICS_PVAS_SERVER_PORT": "0",
            "EPICS_PVAS_BEACON_ADDR_LIST": "127.0.0.1",
            "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
        }
        self._server = Server(providers=[{name: self._pv}], conf=here, useenv=False)
        self.server = f"127.0.0.1:{self._server.conf()['EPICS_PVAS_SERVER_PORT']}"
        """Where it is: readers that look for PVs by broadcast do not find it."""

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Whether somebody has come to read within `timeout_s`."""
        return self._listened.wait(timeout_s)

    def post(self, parts: list[bytes]) -> None:
        """Publish an image."""
        self._pv.post(self._value(self._type, fields_of(parts)))

    def close(self) -> None:
        """Serve no more."""
        self._server.stop()
        self._pv.close(destroy=True)

    def __enter__(self) -> "PvaServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler:
    def __init__(self, listened: threading.Event) -> None:
        self._listened = listened

    def onFirstConnect(self, _: Any) -> None:  # noqa: N802  # p4p's name
        self._listened.set()


def serve(
    server: PvaServer,
    sent: Iterable[WireMessage],
    *,
    faults: StreamFaults | None = None,
    stop: threading.Event | None = None,
    rate_hz: float | None = None,
) -> SentRecord:
    """Publish images at a rate, 100 a second when None, since PVAccess does not wait for its reader.

    Raises `ConfigError` for a rate that is not positive, or garbage, which no server can publish.
    """
    faults, stop, record = faults or StreamFaults(), stop or threading.Event(), SentRecord()
    if faults.garbage:
        raise ConfigError("PVAccess carries no garbage: leave it out of the faults")
    rate_hz = _DEFAULT_HZ if rate_hz is None else rate_hz
    heads: dict[int | None, bytes] = {}

    def only_pixels() -> Iterator[WireMessage]:
        """What can be cut: the structure itself comes whole or not at all."""
        for each in sent:
            heads[each.number] = each.parts[0]
            yield each._replace(parts=each.parts[1:])

    for each in paced(only_pixels(), faults, record, rate_hz=rate_hz, stop=stop):
        server.post([heads[each.number], *each.parts])
    return record
