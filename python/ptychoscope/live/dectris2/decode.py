"""Events of a message of DECTRIS' second stream: a CBOR map whose `type` is start, image or end.

A message is decoded by itself: nothing is remembered. Sizes stand as [y, x] in this stream. Of the channels
(thresholds) one is taken, by name.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.live.cbor import CborError, Tagged, read_cbor
from ptychoscope.live.dectris2.typed_arrays import packed_array, unpacked
from ptychoscope.live.events import Damaged, Event, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.message_checks import (
    MessageError,
    checked_number,
    checked_shape,
    looks_pickled,
    naming_frame,
    own_position,
    plausible,
    square_pixel_m,
)

DEFAULT_CHANNEL = "threshold_1"
_IMAGE_TYPES = {"uint8": "u1", "uint16": "<u2", "uint32": "<u4"}
_MOST_FACTS = 4096


class Decoder:
    """Events of one message, by the channel and the keys that were asked for.

    Parameters
    ----------
    channel
        Whose pixels are taken. None: `DEFAULT_CHANNEL` where it is, or the only one.
    number_key
        Key of an image's user data that holds the number of the trigger, which then is the frame's; None:
        frames are numbered as the detector does.
    """

    def __init__(self, *, channel: str | None = None, number_key: str | None = None) -> None:
        for name, value in (("channel", channel), ("number_key", number_key)):
            if value is not None and (not isinstance(value, str) or not value):
                raise ConfigError(f"{name} must be a name, got {value!r}")
        self._channel, self._number_key = channel, number_key

    def __call__(self, parts: Sequence[bytes | memoryview], arrived_s: float) -> list[Event]:
        """What a message says; `Damaged`, with the reason, for one that is none. Raises nothing."""
        try:
            return self._decode(parts, arrived_s)
        except MessageError as error:
            return [Damaged(arrived_s=arrived_s, what=str(error), series=error.series, number=error.number)]

    def _decode(self, parts: Sequence[bytes | memoryview], arrived_s: float) -> list[Event]:
        if len(parts) != 1:
            raise MessageError(f"a message of {len(parts)} parts, where this stream has one")
        message = _read(parts[0])
        series = checked_number("series_id", message.get("series_id"))
        kind = message.get("type")
        if kind == "image":
            return [self._frame(message, series, arrived_s)]
        if kind == "end":
            return [SeriesEnd(series=series, arrived_s=arrived_s)]
        if kind == "start":
            return self._start(message, series, arrived_s)
        raise MessageError(f"type {str(kind)[:40]!r} is none of start, image, end", series=series)

    def _frame(self, message: dict[Any, Any], series: int, arrived_s: float) -> Frame:
        number = message.get("image_id")
        with naming_frame(series, number):
            number = checked_number("image_id", number)
            user_data = message.get("user_data")
            if self._number_key is not None:
                value = user_data.get(self._number_key) if isinstance(user_data, dict) else None
                number = checked_number(f"user_data[{self._number_key!r}]", value)
        with naming_frame(series, number):
            pixels = packed_array(self._of_channel(message.get("data")))
        return pixels.frame(series, number, arrived_s, own_position(user_data))

    def _start(self, message: dict[Any, Any], series: int, arrived_s: float) -> list[Event]:
        bad_pixels, damaged = None, list[Event]()
        try:
            bad_pixels = self._mask(message)
        except (MessageError, ScanError) as error:
            damaged = [Damaged(arrived_s=arrived_s, what=f"the pixel mask: {error}", series=series)]
        translation = message.get("detector_translation")
        along = translation[2] if isinstance(translation, list) and len(translation) == 3 else None
        frames, channels = message.get("number_of_images"), message.get("channels")
        dtype = _IMAGE_TYPES.get(str(message.get("image_dtype")))
        start = SeriesStart(
            series=series,
            arrived_s=arrived_s,
            frames=frames if type(frames) is int and 0 < frames <= 2**53 else None,
            shape=_shape(message),
            dtype=None if dtype is None else np.dtype(dtype),
            energy_ev=plausible(message, "incident_energy", 1.0, 1e6),
            distance_m=plausible({"z": along}, "z", 1e-6, 1e3),
            detector_pixel_m=square_pixel_m(message, "pixel_size_x", "pixel_size_y"),
            bad_pixels=bad_pixels,
            saturation=plausible(message, "saturation_value", 1.0, 2.0**64),
            channels=tuple(filter(_is_text, channels)) if isinstance(channels, list) else (),
            facts=_facts(message),
        )
        return [start, *damaged]

    def _mask(self, message: dict[Any, Any]) -> NDArray[np.bool_] | None:
        masks = message.get("pixel_mask")
        if not masks:
            return None
        array = packed_array(self._of_channel(masks))
        if array.dtype.kind != "u" or array.shape != (_shape(message) or array.shape):
            raise MessageError(
                f"is {array.shape} {array.dtype} where the detector has {_shape(message)} pixels"
            )
        return unpacked(array).astype(np.bool_)

    def _of_channel(self, channels: Any) -> Any:
        if not isinstance(channels, dict) or not channels:
            raise MessageError("has no channels")
        wanted = self._channel or DEFAULT_CHANNEL
        if wanted in channels:
            return channels[wanted]
        if self._channel is None and len(channels) == 1:
            return next(iter(channels.values()))
        there = ", ".join(str(name)[:40] for name in list(channels)[:8])
        raise MessageError(f"has no channel {wanted[:40]!r}: choose one of {there}")


def make_decoder(**options: Any) -> Decoder:
    """The decoder of this wire; `options` are those of `Decoder`."""
    return Decoder(**options)


def _read(part: bytes | memoryview) -> dict[Any, Any]:
    try:
        message = read_cbor(part)
    except CborError as error:
        if looks_pickled(part):
            raise MessageError("a pickle, which is never opened: send CBOR") from error
        raise MessageError(f"is not the CBOR that it must be: it {error}") from error
    if not isinstance(message, dict):
        raise MessageError("is no CBOR map")
    return message


def _shape(message: dict[Any, Any]) -> tuple[int, int] | None:
    try:
        return checked_shape([message.get("image_size_y"), message.get("image_size_x")])
    except MessageError:
        return None  # a start need not say it


def _facts(message: dict[Any, Any]) -> dict[str, Any]:
    """What JSON can hold of a start, without the arrays of the detector."""
    plain = {str(key): _plain(value) for key, value in list(message.items())[:_MOST_FACTS]}
    return {key: value for key, value in plain.items() if value is not _DROPPED}


def _plain(value: Any) -> Any:
    if isinstance(value, Tagged):
        return value.value if value.tag == 0 and _is_text(value.value) else _DROPPED
    if isinstance(value, dict):
        return _facts(value)
    if isinstance(value, list):
        return [entry for entry in map(_plain, value) if entry is not _DROPPED]
    if isinstance(value, memoryview) or (isinstance(value, float) and not np.isfinite(value)):
        return _DROPPED
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_DROPPED = object()
