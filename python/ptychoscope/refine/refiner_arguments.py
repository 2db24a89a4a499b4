"""What a refiner is given: chosen frames, probes and sizes, checked before the solver sees them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, OutputError, ScanError
from ptychoscope.io.limits import require_memory


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


def check_room(shape: tuple[int, int], modes: int, side: int) -> None:
    """Raise `ConfigError` for sizes that could only end in a machine without memory."""
    object_planes = 2 + 4 + 4  # the object; coverage and spread; momentum
    probe_planes = 2 * modes * 4 + 3  # probe, its far field, an entry of the table, waves
    planes = object_planes * shape[0] * shape[1] + probe_planes * side**2
    what = f"an object of {shape[0]} x {shape[1]} px under {modes} probe modes of {side} px"
    require_memory(what, np.dtype(np.float32).itemsize * planes, ConfigError)


def probe_modes(probe: NDArray[Any]) -> NDArray[np.complex64]:
    """A probe (P, P) or (m, P, P) as (m, P, P) complex64; raises `ScanError`."""
    probe = np.asarray(probe)
    modes = probe[None] if probe.ndim == 2 else probe
    if modes.ndim != 3 or modes.shape[1] != modes.shape[2] or modes.dtype.kind not in "uifc":
        raise ScanError(f"probe must be (P, P) or (modes, P, P) complex, got {probe.shape} {probe.dtype}")
    return modes.astype(np.complex64)


class Scratch(NamedTuple):
    """Where frames lie that are too many for memory: a file without a name, on which no bit depends."""

    folder: Path
    memory_bytes: int = 0
    """Of frames that lie in memory all the same: the first ones."""


@contextmanager
def core_errors(kind: type[Exception] = ScanError) -> Iterator[None]:
    """What the solver in C++ finds wrong, as an error of `kind`; and with its scratch file, as ours."""
    try:
        yield
    except ValueError as error:
        raise kind(str(error)) from error
    except RuntimeError as error:
        raise OutputError(
            f"{error}: TMPDIR names another folder (of a live run, --scratch), and a larger --memory keeps "
            "the frames in memory"
        ) from error
