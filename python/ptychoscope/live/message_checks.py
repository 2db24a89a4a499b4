"""What decoders check in a message before anything is made of it.

Each check raises `MessageError`, whose text becomes that of a `Damaged` event; nothing is allocated before.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

LONGEST_PX = 65536
_LONGEST_JSON = 2**20
_BIGGEST_NUMBER = 2**53  # beyond it JSON and floats no longer count exactly


class MessageError(ValueError):
    """A message is not what its wire says it must be; the text says why."""

    def __init__(self, what: str, *, series: int | None = None, number: int | None = None) -> None:
        super().__init__(what)
        self.series, self.number = series, number


@contextmanager
def naming_frame(series: int, number: Any) -> Iterator[None]:
    """A `MessageError` within names this frame; its `number` as the wire has it, which may be none."""
    try:
        yield
    except MessageError as error:
        error.series, error.number = series, number if type(number) is int and number >= 0 else None
        raise


def looks_pickled(part: bytes | memoryview) -> bool:
    """Whether `part` is a pickle; it is never opened."""
    return len(part) > 2 and part[0] == 0x80 and 2 <= part[1] <= 5 and part[-1] == ord(".")


def read_json(part: bytes | memoryview, name: str, decoder: Any) -> Any:
    """A part of JSON by a decoder of msgspec; raises `MessageError`."""
    if len(part) > _LONGEST_JSON:
        raise MessageError(f"{name} of {len(part)} bytes is longer than {_LONGEST_JSON}")
    try:
        return decoder.decode(part)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if looks_pickled(part):
            raise MessageError(f"{name} is a pickle, which is never opened: send JSON") from error
        raise MessageError(f"{name} is not the JSON that it must be: {str(error)[:200]}") from error


def checked_shape(sizes: Any) -> tuple[int, int]:
    """(H, W) of a list of two numbers, which the wire has in this order."""
    if not isinstance(sizes, (list, tuple)) or len(sizes) != 2:
        raise MessageError(f"a frame has two sides, this one {str(sizes)[:60]}")
    if not all(type(side) is int and 0 < side <= LONGEST_PX for side in sizes):
        raise MessageError(f"sides of a frame are 1 to {LONGEST_PX} pixels, here {str(sizes)[:60]}")
    return sizes[0], sizes[1]


def checked_number(name: str, value: Any) -> int:
    """A series or the number of a frame."""
    if type(value) is not int or not 0 <= value <= _BIGGEST_NUMBER:
        raise MessageError(f"{name} must be a whole number from 0 on, got {str(value)[:40]}")
    return value


def plausible(facts: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    """A number of `facts` between `least` and `most`; None if absent or impossible, as a distance of 0."""
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if least <= value <= most else None


def square_pixel_m(facts: Mapping[str, Any], name_x: str, name_y: str) -> float | None:
    """Side of the detector's pixels where both are plausible and the same to 1e-3."""
    x, y = (plausible(facts, name, 1e-8, 1e-2) for name in (name_x, name_y))
    return x if x is not None and y is not None and math.isclose(x, y, rel_tol=1e-3) else None


def own_position(facts: Any) -> tuple[float, float] | None:
    """(y, x) in user data of a frame, as ``{"y": y, "x": x}`` or ``{"position": [y, x]}``; None without."""
    if not isinstance(facts, Mapping):
        return None
    place = facts.get("position", facts)
    if isinstance(place, Mapping):
        place = (place.get("y"), place.get("x"))
    if not isinstance(place, (list, tuple)) or len(place) != 2:
        return None
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in place):
        return None
    try:
        return float(place[0]), float(place[1])
    except OverflowError:
        return None
