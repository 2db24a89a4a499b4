"""The header of a series in DECTRIS' first stream: its configuration, pixel mask and appendix."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.events import Damaged, Event, SeriesStart
from ptychoscope.live.message_checks import MessageError, checked_shape, plausible, square_pixel_m

Bytes = bytes | memoryview
_ReadJson = Callable[[Bytes, str], Any]
_TABLES = ("dflatfield-1.0", "dpixelmask-1.0", "dcountrate_table-1.0")


def read_header(parts: Sequence[Bytes], series: int, arrived_s: float, read_json: _ReadJson) -> list[Event]:
    """The start of a series, and `Damaged` for every table of the header that is.

    `parts` are one part alone (detail none), the configuration (basic), and tables of the detector (all);
    last perhaps an appendix, which is kept in the facts when it is JSON.
    """
    config, rest = _configuration(parts, read_json)
    damaged: list[Event] = []
    bad_pixels, appendix = None, None
    while rest:
        table = _table(rest[0], read_json) if len(rest) > 1 else None
        if table is None:
            appendix = _appendix(rest[0], read_json)
            break
        try:
            if table["htype"] == "dpixelmask-1.0":
                bad_pixels = _mask(table, rest[1], config)
        except MessageError as error:
            damaged.append(Damaged(arrived_s=arrived_s, what=f"the pixel mask: {error}", series=series))
        rest = rest[2:]
    if appendix is not None:
        config = config | {"appendix": appendix}
    return [_start(series, arrived_s, config, bad_pixels), *damaged]


def _configuration(parts: Sequence[Bytes], read_json: _ReadJson) -> tuple[dict[str, Any], Sequence[Bytes]]:
    """The configuration, empty where the detail is none, and the parts after it."""
    first = read_json(parts[0], "the header")
    if first.get("header_detail", "none") == "none" or len(parts) < 2:
        return {}, parts[1:]
    config = read_json(parts[1], "the configuration")
    if not isinstance(config, dict):
        raise MessageError("the configuration of the detector is no JSON object")
    return config, parts[2:]


def _start(
    series: int, arrived_s: float, config: dict[str, Any], bad_pixels: NDArray[np.bool_] | None
) -> SeriesStart:
    shape: tuple[int, int] | None = None
    with suppress(MessageError):  # a header need not say it
        shape = checked_shape([config.get("y_pixels_in_detector"), config.get("x_pixels_in_detector")])
    depth = config.get("bit_depth_image")
    return SeriesStart(
        series=series,
        arrived_s=arrived_s,
        frames=_announced(config),
        shape=shape,
        dtype=np.dtype(f"<u{depth // 8}") if type(depth) is int and depth in (8, 16, 32) else None,
        energy_ev=plausible(config, "photon_energy", 1.0, 1e6),
        distance_m=plausible(config, "detector_distance", 1e-6, 1e3),
        detector_pixel_m=square_pixel_m(config, "x_pixel_size", "y_pixel_size"),
        bad_pixels=bad_pixels,
        saturation=plausible(config, "countrate_correction_count_cutoff", 1.0, 2.0**64),
        facts=config,
    )


def _announced(config: dict[str, Any]) -> int | None:
    """Frames of the series: with an external or internal enable a trigger gives one, else `nimages`."""
    images, triggers = config.get("nimages"), config.get("ntrigger")
    if config.get("trigger_mode") in ("exte", "inte"):
        images = 1
    if type(images) is not int or type(triggers) is not int or images < 1 or triggers < 1:
        return None
    return min(images * triggers, 2**53)


def _table(part: Bytes, read_json: _ReadJson) -> dict[str, Any] | None:
    """What describes the table in the next part; None when `part` is something else."""
    if len(part) > 1024 or part[:1] != b"{":
        return None
    try:
        table = read_json(part, "a table of the header")
    except MessageError:
        return None
    return table if isinstance(table, dict) and table.get("htype") in _TABLES else None


def _mask(table: dict[str, Any], data: Bytes, config: dict[str, Any]) -> NDArray[np.bool_]:
    width, height = checked_shape(table.get("shape"))
    if table.get("type") != "uint32":
        raise MessageError(f"has the type {str(table.get('type'))[:20]} instead of uint32")
    if len(data) != 4 * height * width:
        raise MessageError(f"has {len(data)} bytes where ({height}, {width}) uint32 has {4 * height * width}")
    said = config.get("y_pixels_in_detector"), config.get("x_pixels_in_detector")
    if None not in said and said != (height, width):
        raise MessageError(f"is {(height, width)} where the detector has {said} pixels")
    return np.frombuffer(data, "<u4").reshape(height, width).astype(np.bool_)


def _appendix(part: Bytes, read_json: _ReadJson) -> Any:
    try:
        return read_json(part, "the appendix")
    except MessageError:
        return None
