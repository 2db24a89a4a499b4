"""A series in the wire format of DECTRIS' first stream."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.chunk_codecs import codec_of_encoding
from ptychoscope.live.pack_frames import pack_frames
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage

HeaderDetail = Literal["none", "basic", "all"]


def messages(
    series: SimulatedSeries,
    *,
    header_detail: HeaderDetail = "all",
    end: bool = True,
    encoding: str | None = None,
    appendix: Any = None,
) -> Iterator[WireMessage]:
    """Header, images and end of a series, each a multipart message.

    Parameters
    ----------
    end
        Whether the series' end is sent.
    encoding
        ``lz4<``, ``bs8-lz4<``, ``bs16-lz4<``, ``bs32-lz4<`` or ``<``; None: bitshuffle of the
        frames' own type.
    appendix
        What the user appends to the header, as JSON can hold it. Positions of `series` are appended to the
        images.

    Raises
    ------
    ConfigError
        The encoding is unknown, or of another type than the frames.
    MissingExtraError
        Frames are to be packed, and the extra `files` is not installed.
    """
    if header_detail not in ("none", "basic", "all"):
        raise ConfigError(f"header_detail must be none, basic or all, got {header_detail!r}")
    encoding = encoding or f"bs{8 * series.dtype.itemsize}-lz4<"
    try:
        codec, itemsize = codec_of_encoding(encoding)
    except ScanError as error:
        raise ConfigError(str(error)) from error
    if itemsize not in (None, series.dtype.itemsize):
        raise ConfigError(
            f"{encoding} is not for frames of {series.dtype}: bs{8 * series.dtype.itemsize}-lz4< is"
        )
    if codec == "bslz4_blocks":
        raise ConfigError(f"{encoding} is not sent by this stream")
    yield WireMessage("start", _header(series, header_detail, appendix))
    for first, frames in series.blocks():
        for number, blob in enumerate(pack_frames(frames, codec or "none"), first):
            yield WireMessage("frame", _image(series, number, blob, encoding), number)
    if end:
        yield WireMessage("end", [_json({"htype": "dseries_end-1.0", "series": series.series})])


def _header(series: SimulatedSeries, detail: HeaderDetail, appendix: Any) -> list[bytes]:
    parts = [_json({"htype": "dheader-1.0", "series": series.series, "header_detail": detail})]
    height, width = series.shape
    if detail != "none":
        parts.append(_json(_configuration(series)))
    if detail == "all":
        bad = (
            np.zeros((height, width), "<u4") if series.bad_pixels is None else series.bad_pixels.astype("<u4")
        )
        parts += _table("dflatfield-1.0", np.ones((height, width), "<f4"))
        parts += _table("dpixelmask-1.0", bad)
        parts += _table("dcountrate_table-1.0", np.zeros((2, 16), "<f4"))
    return parts if appendix is None else [*parts, _json(appendix)]


def _configuration(series: SimulatedSeries) -> dict[str, Any]:
    height, width = series.shape
    return {
        "nimages": len(series.frames),
        "ntrigger": 1,
        "trigger_mode": "ints",
        "x_pixels_in_detector": width,
        "y_pixels_in_detector": height,
        "bit_depth_image": 8 * series.dtype.itemsize,
        "bit_depth_readout": 16,
        "x_pixel_size": series.detector_pixel_m or 0.0,
        "y_pixel_size": series.detector_pixel_m or 0.0,
        "beam_center_x": width // 2,
        "beam_center_y": height // 2,
        "detector_distance": series.distance_m or 0.0,
        "photon_energy": series.energy_ev or 0.0,
        "wavelength": 12398.41984 / series.energy_ev if series.energy_ev else 0.0,
        "count_time": 0.001,
        "frame_time": 0.001,
        "number_of_excluded_pixels": 0 if series.bad_pixels is None else int(series.bad_pixels.sum()),
        "countrate_correction_count_cutoff": series.saturation or 0,
        "pixel_mask_applied": True,
        "description": "simulated",
    }


def _table(htype: str, values: Any) -> list[bytes]:
    shape = [values.shape[1], values.shape[0]] if htype != "dcountrate_table-1.0" else list(values.shape)
    return [_json({"htype": htype, "shape": shape, "type": values.dtype.name}), values.tobytes()]


def _image(series: SimulatedSeries, number: int, blob: bytes, encoding: str) -> list[bytes]:
    height, width = series.shape
    start_ns = number * 1_000_000
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    parts = [
        _json({"htype": "dimage-1.0", "series": series.series, "frame": number, "hash": digest}),
        _json(
            {
                "htype": "dimage_d-1.0",
                "shape": [width, height],
                "type": series.dtype.name,
                "encoding": encoding,
                "size": len(blob),
            }
        ),
        blob,
        _json(
            {
                "htype": "dconfig-1.0",
                "start_time": start_ns,
                "stop_time": start_ns + 1_000_000,
                "real_time": 1_000_000,
            }
        ),
    ]
    if series.positions is not None:
        y, x = map(float, series.positions[number])
        parts.append(_json({"y": y, "x": x}))
    return parts


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
