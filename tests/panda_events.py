"""What a PandA's decoder made of messages."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.events import Damaged, Event, Positions


def decoded(decode, sent: list[list[bytes]]) -> list[Event]:
    return [event for number, parts in enumerate(sent) for event in decode(parts, float(number))]


def table(events: list[Event]) -> dict[int, tuple[float, float]]:
    """Position by number; each comes once."""
    found: dict[int, tuple[float, float]] = {}
    for event in events:
        if isinstance(event, Positions):
            for number, (y, x) in enumerate(event.yx.tolist(), event.first):
                assert number not in found
                found[number] = (y, x)
    return found


def reasons(events: list[Event]) -> list[str]:
    assert all(event.of_positions for event in events if isinstance(event, Damaged))
    return [event.what for event in events if isinstance(event, Damaged)]


def places(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(count).uniform(-1e-5, 1e-5, (count, 2))
