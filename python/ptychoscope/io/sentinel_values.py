"""Pixels that hold no counts: the largest number of an unsigned type, and what is at or above a limit.

Detectors write all ones of the type where there is no sensor or a pixel is switched off (2^32 - 2 too in 32
bits). A pixel that holds it in every frame looked at is bad; 255 only where the detector counts in 8 bits.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.lazy_patterns import Patterns
from ptychoscope.option_literals import Domain

_SENTINELS = {1: (2**8 - 1,), 2: (2**16 - 1,), 4: (2**32 - 1, 2**32 - 2), 8: (2**64 - 1,)}
_LOOKED_AT = 64


def without_sentinels(fields: dict[str, Any], source: str, record: dict[str, Any]) -> dict[str, Any]:
    """Pixels that hold all ones in every frame looked at are bad; said once, and recorded.

    `record["bit_depth"]`, where a reader found it, is what the detector counts in.
    """
    patterns = fields["patterns"]
    if patterns.dtype.kind != "u" or not len(patterns):
        return fields
    sentinels = _sentinels(patterns.dtype, record.get("bit_depth"))
    some = first_last_and_between(patterns)
    known = fields["bad_pixels"]
    hit = np.isin(some, np.array(sentinels, some.dtype))
    if known is not None:
        hit &= ~known
    if not hit.any():
        return fields
    always: NDArray[np.bool_] = np.asarray(hit.all(axis=0))
    sometimes = int((hit.any(axis=0) & ~always).sum())
    text = " or ".join(str(value) for value in sentinels)
    if sometimes:
        warnings.warn(
            f"{sometimes} pixels of {source} hold {text} in some frames, which is no count but overflow or "
            f"a fault: --max-counts {sentinels[-1]} takes them for bad",
            ScanWarning,
            stacklevel=2,
        )
    if not always.any():
        return fields
    record["pixels_of_all_ones"] = int(always.sum())
    warnings.warn(
        f"{int(always.sum())} pixels of {source} hold {text} in all frames looked at, which stands for no "
        "sensor: they are bad",
        ScanWarning,
        stacklevel=2,
    )
    return _with_bad(fields, always, source)


def below_counts(
    fields: dict[str, Any], most: float | None, domain: Domain, source: str, record: dict[str, Any]
) -> dict[str, Any]:
    """Pixels at or above `most` counts in any frame looked at are bad; raises `ConfigError` below 0."""
    if most is None:
        return fields
    if not most > 0:
        raise ConfigError(f"--max-counts must be above 0, got {most}")
    some = first_last_and_between(fields["patterns"])
    limit = most if domain == "counts" else float(np.sqrt(most))
    over: NDArray[np.bool_] = np.asarray((some >= limit).any(axis=0))
    record["max_counts"] = {"counts": float(most), "pixels": int(over.sum())}
    return _with_bad(fields, over, source)


def first_last_and_between(patterns: Patterns) -> NDArray[Any]:
    """At most 64 frames (k, H, W): the first, the last and evenly those between."""
    n = len(patterns)
    return patterns[np.unique(np.linspace(0, max(n - 1, 0), min(n, _LOOKED_AT)).astype(np.intp))]


def _sentinels(dtype: np.dtype[Any], bit_depth: int | None) -> tuple[int, ...]:
    if bit_depth in (8, 16, 32) and bit_depth < 8 * dtype.itemsize:
        return _SENTINELS[bit_depth // 8] + _SENTINELS[dtype.itemsize]
    if dtype.itemsize == 1 and bit_depth != 8:
        return ()
    return _SENTINELS[dtype.itemsize]


def _with_bad(fields: dict[str, Any], bad: NDArray[np.bool_], source: str) -> dict[str, Any]:
    known = fields["bad_pixels"]
    joined = bad if known is None else known | bad
    if joined.all():
        raise ScanError(f"no pixel of {source} is left that measures: its patterns hold no counts")
    return fields | {"bad_pixels": joined}
