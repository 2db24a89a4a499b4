"""The two rules for what a file leaves unsaid: which axis counts the frames, and what a pixel holds."""

import warnings
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.option_literals import Domain, Layout, one_of
from ptychoscope.preprocess.counts_or_amplitude import counts_by_the_probe

_COUNTS, _AMPLITUDE = '--domain counts (domain="counts")', '--domain amplitude (domain="amplitude")'


def frames_first(
    patterns: NDArray[Any], n: int, layout: Layout, stored: str | None, source: str
) -> NDArray[Any]:
    """The one layout rule: the frame axis is the one whose length is the number of positions."""
    one_of("layout", layout, Layout)
    if layout == "auto" and stored == "NHW":
        return patterns
    if layout != "auto":
        return patterns if layout == "NHW" else _last_first(patterns)
    first, last = patterns.shape[0] == n, patterns.shape[2] == n
    if last and not first and patterns.shape[1] == patterns.shape[2] != patterns.shape[0]:
        last = False  # frames of a square detector, and numbers that differ
    if first and last:
        raise ScanError(
            f"patterns {patterns.shape} in {source} with {n} positions: first and last axis both fit; say "
            '--layout NHW (layout="NHW", frames first) or --layout HWN (layout="HWN", frames last)'
        )
    if not last:
        return patterns
    warnings.warn(
        f"patterns {patterns.shape} in {source} are read as (H, W, n), because the last axis has the length "
        f'of the {n} positions; say --layout HWN (layout="HWN") to confirm',
        ScanWarning,
        stacklevel=2,
    )
    return _last_first(patterns)


def _last_first(patterns: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(np.moveaxis(patterns, 2, 0))


def domain_of(
    key: str,
    patterns: NDArray[Any],
    asked: Domain | None,
    stored: str | None,
    source: str,
    *,
    probe: NDArray[Any] | None = None,
    bad_pixels: NDArray[np.bool_] | None = None,
) -> Domain:
    """What the patterns (n, H, W) hold: as asked, as the file says, or amplitude as the contract says.

    Where nobody says and a probe (P, P) or (m, P, P) speaks for counts, they are that, with a `ScanWarning`.
    Raises `ScanError` for whole numbers, which are no amplitude.
    """
    stored = "counts" if key == "counts" else stored
    if asked is not None:
        if stored is not None and stored != asked:
            warnings.warn(
                f"{source} says its patterns are {stored}; they are read as {asked}, as asked",
                ScanWarning,
                stacklevel=2,
            )
        return asked
    if stored is not None:
        return cast(Domain, stored)  # checked by Scan
    if patterns.dtype.kind in "ui":
        raise ScanError(
            f"{key} in {source} should be amplitude (the square root of counts), but holds integers "
            f"({patterns.dtype}): if they are counts, say {_COUNTS}"
        )
    largest = _largest_of_whole(patterns, bad_pixels)
    if largest > 1:
        raise ScanError(
            f"{key} in {source} should be amplitude (the square root of counts), but all values are whole "
            f"(largest {largest:g}), as counts are: say {_COUNTS}, or {_AMPLITUDE}"
        )
    why = None if probe is None else counts_by_the_probe(patterns, probe, bad_pixels)
    if why is None:
        return "amplitude"
    warnings.warn(
        f"{key} in {source} should be amplitude (the square root of counts), but {why}, and is read as "
        f"counts: say {_COUNTS} to confirm, or {_AMPLITUDE} where it is amplitude all the same",
        ScanWarning,
        stacklevel=2,
    )
    return "counts"


def _largest_of_whole(patterns: NDArray[Any], bad_pixels: NDArray[np.bool_] | None) -> float:
    """The largest value where all are whole numbers, as no amplitudes of counts are; 0 where one is not."""
    largest = 0.0
    for frame in patterns if patterns.dtype.kind == "f" else ():  # ends at the first that is not
        values = frame if bad_pixels is None else frame[~bad_pixels]
        if not np.array_equal(values, np.rint(values)):
            return 0.0
        largest = max(largest, float(values.max(initial=0)))
    return largest
