"""Frames that somebody chose, as their numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError


def frame_numbers(frames: NDArray[Any] | Sequence[int], count: int) -> list[int]:
    """Numbers or a mask (count,) of frames as numbers from 0 to `count` - 1.

    Raises `ConfigError` for anything else, and for frames that are not there.
    """
    chosen = np.asarray(frames)
    if chosen.dtype == bool:
        if chosen.shape != (count,):
            raise ConfigError(f"a mask of frames must be ({count},), got {chosen.shape}")
        return [int(k) for k in np.flatnonzero(chosen)]
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ConfigError(f"frames must be whole numbers or a mask (n,), got {chosen.shape} {chosen.dtype}")
    numbers = [int(k) for k in chosen]
    strangers = [k for k in numbers if not 0 <= k < count]
    if strangers:
        raise ConfigError(f"frame {strangers[0]} is not among the {count} that were added")
    return numbers
