"""A series in the wire format of DECTRIS' second stream."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.live.cbor import Tagged, write_cbor
from ptychoscope.live.dectris2.decode import DEFAULT_CHANNEL
from ptychoscope.live.dectris2.typed_arrays import DTYPES
from ptychoscope.live.pack_frames import pack_frames
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage

HeaderDetail = Literal["none", "basic", "all"]
StreamCodec = Literal["none", "lz4", "bslz4"]
_NANOSECONDS = 1_000_000_000


def messages(
    series: SimulatedSeries,
    *,
    header_detail: HeaderDetail = "all",
    codec: StreamCodec = "bslz4",
    channels: tuple[str, ...] = (DEFAULT_CHANNEL,),
    end: bool = True,
    user_data: Any = None,
) -> Iterator[WireMessage]:
    """Start, images and end of a series, each a CBOR map.

    Parameters
    ----------
    channels
        The first holds the frames, every other zeros.
    end
        Whether the series' end is sent.
    user_data
        What the user appends to the start. Positions of `series` are the user data of the images.

    Raises
    ------
    ConfigError
        An option has a value that it cannot have.
    MissingExtraError
        Frames are to be packed, and the extra `files` is not installed.
    """
    if header_detail not in ("none", "basic", "all"):
        raise ConfigError(f"header_detail must be none, basic or all, got {header_detail!r}")
    if codec not in ("none", "lz4", "bslz4"):
        raise ConfigError(f"this stream packs frames as none, lz4 or bslz4, not as {codec!r}")
    if not channels:
        raise ConfigError("channels must name at least one")
    common = {"series_id": series.series, "series_unique_id": f"simulated-{series.series}"}
    start = _start(series, header_detail, channels, user_data)
    yield WireMessage("start", [write_cbor({"type": "start", **common, **start})])
    others = pack_frames(np.zeros((1, *series.shape), series.dtype), codec)[0] if len(channels) > 1 else b""
    for first, frames in series.blocks():
        for number, blob in enumerate(pack_frames(frames, codec), first):
            blobs = dict(zip(channels, [blob, *[others] * (len(channels) - 1)], strict=True))
            yield WireMessage(
                "frame",
                [write_cbor({"type": "image", **common, **_image(series, number, blobs, codec)})],
                number,
            )
    if end:
        yield WireMessage("end", [write_cbor({"type": "end", **common})])


def _start(
    series: SimulatedSeries, detail: HeaderDetail, channels: tuple[str, ...], user_data: Any
) -> dict[str, Any]:
    height, width = series.shape
    facts: dict[str, Any] = {"user_data": user_data}
    if detail == "none":
        return facts
    facts |= {
        "arm_date": Tagged(0, "2026-01-01T00:00:00Z"),
        "beam_center_x": float(width // 2),
        "beam_center_y": float(height // 2),
        "channels": list(channels),
        "count_time": 0.001,
        "frame_time": 0.001,
        "detector_description": "simulated",
        "detector_translation": [0.0, 0.0, series.distance_m or 0.0],
        "image_dtype": series.dtype.name,
        "image_size_x": width,
        "image_size_y": height,
        "incident_energy": series.energy_ev or 0.0,
        "incident_wavelength": 12398.41984 / series.energy_ev if series.energy_ev else 0.0,
        "number_of_images": len(series.frames),
        "pixel_size_x": series.detector_pixel_m or 0.0,
        "pixel_size_y": series.detector_pixel_m or 0.0,
        "saturation_value": series.saturation or 0,
    }
    if detail == "all":
        bad = np.zeros(series.shape) if series.bad_pixels is None else series.bad_pixels
        mask, flat = _array(bad.astype("<u4")), _array(np.ones(series.shape, "<f4"))
        facts |= {"pixel_mask": dict.fromkeys(channels, mask), "flatfield": dict.fromkeys(channels, flat)}
    return facts


def _image(
    series: SimulatedSeries, number: int, blobs: dict[str, bytes], codec: StreamCodec
) -> dict[str, Any]:
    start_ns = number * 1_000_000
    image: dict[str, Any] = {
        "image_id": number,
        "series_date": Tagged(0, "2026-01-01T00:00:00Z"),
        "real_time": [1_000_000, _NANOSECONDS],
        "start_time": [start_ns, _NANOSECONDS],
        "stop_time": [start_ns + 1_000_000, _NANOSECONDS],
        "user_data": None,
        "data": {name: _pixels(series, blob, codec) for name, blob in blobs.items()},
    }
    if series.positions is not None:
        y, x = map(float, series.positions[number])
        image["user_data"] = {"y": y, "x": x}
    return image


def _pixels(series: SimulatedSeries, blob: bytes, codec: StreamCodec) -> Tagged:
    itemsize = series.dtype.itemsize if codec == "bslz4" else 0
    packed = blob if codec == "none" else Tagged(56500, [codec, itemsize, blob])
    return Tagged(40, [list(series.shape), Tagged(_tag(series.dtype), packed)])


def _array(values: NDArray[Any]) -> Tagged:
    return Tagged(40, [list(values.shape), Tagged(_tag(values.dtype), values.tobytes())])


def _tag(dtype: np.dtype[Any]) -> int:
    little = dtype.newbyteorder("<")
    return next(tag for tag, known in DTYPES.items() if known == little)
