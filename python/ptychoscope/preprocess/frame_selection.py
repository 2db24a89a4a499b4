"""Which frames are meant: text such as `:7,8:`, and numbers of patterns and positions that differ."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError

FrameChoice = str | slice | NDArray[Any] | list[int]
"""Frames to keep: text, a slice, numbers, or a boolean mask."""
_LISTED = 12


def frames_asked_for(asked: FrameChoice | None, n: int) -> NDArray[np.intp]:
    """Numbers of the frames of `n` that `asked` means, in its order; all without.

    Text is one or several of `START:STOP:STEP` and single numbers, with commas between them: `0::2`, `:7,8:`.

    Raises `ConfigError` for text that says nothing of the kind, `ScanError` for frames that do not exist.
    """
    everything = np.arange(n)
    if asked is None:
        return everything
    if isinstance(asked, str):
        parts = [_part(part.strip(), asked) for part in asked.split(",")]
        chosen = [everything[part] if isinstance(part, slice) else _existing([part], n) for part in parts]
        return np.concatenate(chosen).astype(np.intp)
    if isinstance(asked, slice):
        return everything[asked]
    numbers = np.asarray(asked)
    if numbers.dtype == np.bool_:
        if len(numbers) != n:
            raise ScanError(f"the mask of frames has {len(numbers)} entries for {n} frames")
        return np.flatnonzero(numbers)
    return _existing(numbers, n)


def check_frames(text: str) -> None:
    """Raise `ConfigError` unless `frames_asked_for` understands `text`."""
    for part in text.split(","):
        _part(part.strip(), text)


def _part(part: str, text: str) -> slice | int:
    numbers = part.split(":")
    try:
        values = [int(number) if number.strip() else None for number in numbers]
    except ValueError as error:
        raise ConfigError(
            f"--frames must be START:STOP:STEP in whole numbers, several with commas, got {text!r}"
        ) from error
    if len(values) == 1 and values[0] is not None:
        return values[0]
    if len(values) not in (2, 3) or values[2:] == [0]:
        raise ConfigError(f"--frames must be START:STOP or START:STOP:STEP, the step not 0, got {text!r}")
    return slice(*values)


def _existing(numbers: Any, n: int) -> NDArray[np.intp]:
    chosen = np.asarray(numbers, dtype=np.intp)
    wrong = chosen[(chosen < -n) | (chosen >= n)]
    if len(wrong):
        raise ScanError(f"there is no frame {wrong[0]}: the scan has {n}, from 0 to {n - 1}")
    return np.where(chosen < 0, chosen + n, chosen).astype(np.intp)


def without_partner(counts: Mapping[str, int], shape: tuple[int, ...], source: str) -> ScanError:
    """The error for numbers of patterns, (n, H, W) as read, and of what goes with them that differ."""
    if shape[0] == shape[1] != shape[2]:
        return ScanError(
            f"diffraction {shape} in {source} with {counts['positions_px']} positions looks like the legacy "
            '(H, W, n) layout: --layout HWN (layout="HWN"), with --match first or last as the numbers differ'
        )
    n, least = counts["patterns"], min(counts.values())
    name, other = next((name, m) for name, m in counts.items() if m != n)
    what = {"positions_px": "positions", "nominal_positions_px": "commanded positions"}.get(name, name)
    more = "more" if other > n else "fewer"
    return ScanError(
        f"{source} has {other} {what} for {n} patterns, {more} {what} than patterns, and both are matched by "
        f'index: --match first (in Python match="first") keeps the first {least} of each, --match last the '
        f"last {least}; or name the frames that have a partner, such as --frames 0:{least}"
    )


def listed(numbers: Iterable[Any]) -> str:
    """`frame 7`, or `frames 7, 8, 9`, at most a dozen of them."""
    found = [int(number) for number in numbers]
    shown = ", ".join(map(str, found[:_LISTED])) + (", ..." if len(found) > _LISTED else "")
    return f"frame {shown}" if len(found) == 1 else f"frames {shown}"
