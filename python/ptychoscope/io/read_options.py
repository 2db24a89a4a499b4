"""ReadOptions: how a scan is read, the same for a file, a mapping and arrays; and the steps they ask for.

Every step takes the fields of a scan that is still to be made, by the names of `Scan`, and hands them on:
what a file holds need not be a scan yet (numbers that differ, a detector that is not square).
"""

import os
import warnings
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.lazy_patterns import Patterns, chosen_frames, each_frame
from ptychoscope.option_literals import Domain, Layout, Match, Negative, one_of
from ptychoscope.preprocess.crop import crop_fields, largest_side
from ptychoscope.preprocess.frame_selection import FrameChoice, frames_asked_for, listed, without_partner
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.preprocess.photon_unit import photon_unit, unit_by_the_probe

Fields = dict[str, Any]
_PER_FRAME = ("patterns", "positions_px", "nominal_positions_px", "scan_index")
_WRAPPED = 65536
_LOOKED_AT = 64


class ReadOptions(TypedDict, total=False):
    """What may be said of a scan that is read, named as on the command line; None is as if left out."""

    patterns: str | None
    """Where the patterns are: `FILE:/path` or `/path` of HDF5, of the scan's file where none is named."""
    positions: str | None
    """Where the positions are: as `patterns` (two with a comma: y, then x), or a CSV with named columns."""
    recipe: str | os.PathLike[str] | None
    """A TOML with any of these options, for every scan of a session; what is said besides goes first."""
    pixel_size_m: float | None
    """Side of a pixel of the object."""
    energy_ev: float | None
    """Of the photons."""
    distance_m: float | None
    """From the sample to the detector."""
    detector_pixel_m: float | None
    """Side of a pixel of the detector."""
    channel: str | None
    """Of a detector with several thresholds the one to read."""
    allow_outside: bool | None
    """Follow links of an HDF5 file out of its folder."""
    layout: Layout
    """`NHW` (frames first), `HWN` (frames last), or `auto`: by the number of positions."""
    domain: Domain | None
    """What the patterns hold; without, as the file says, or amplitude as the contract says."""
    orientation: Orientation | None
    """Steps that bring the detector's and the stage's axes together."""
    match: Match | None
    """Where the numbers of patterns and positions differ: keep the `first` or the `last` of both, or those
    that belong together by `index`."""
    frames: FrameChoice | None
    """Frames to keep: text such as `0::2` or `:7,8:`, a slice, numbers or a boolean mask."""
    scan_index: int | str | None
    """Of several scans in one file the one with this `scan_index`, or `"all"` as a single scan."""
    crop: int | None
    """Side in pixels of the middle of the detector that is kept; probe and positions follow."""
    center: str | None
    """`Y,X` of the zero frequency on the detector in pixels, or `auto`; without, the middle."""
    bin: int | None
    """Sum so many times so many pixels into one, after the crop; the probe follows."""
    max_counts: float | None
    """Pixels at or above it in any frame looked at are bad."""
    mask: NDArray[Any] | None
    """(H, W), true where the detector says nothing, besides what the file masks."""
    negative: Negative | None
    """What to do with values below 0: `zero` sets them to 0, `unwrap` adds 65536 (int16 that ran over)."""
    probe: NDArray[Any] | str | None
    """(P, P) or (m, P, P) complex, in place of the file's; `"none"`: without any."""


def masked(fields: Fields, mask: NDArray[Any] | None, source: str) -> Fields:
    """`mask` joined with what the file masks; both are as large as the detector."""
    shape = fields["patterns"].shape[1:]
    found = None
    for name, given in (("bad_pixels", fields.get("bad_pixels")), ("the mask", mask)):
        if given is None:
            continue
        plane = np.asarray(given)
        if plane.shape != shape or plane.dtype.kind not in "buif":
            raise ScanError(
                f"{name} of {source} must be {shape} as the patterns are, true where a pixel is bad, got "
                f"{plane.shape} {plane.dtype}"
            )
        found = plane.astype(np.bool_) if found is None else found | plane.astype(np.bool_)
    return fields | {"bad_pixels": found}


def frames_kept(fields: Fields, options: ReadOptions, source: str, record: dict[str, Any]) -> Fields:
    """The frames asked for, each with its partner and a finite position; `record` says what went."""
    match, frames = options.get("match"), options.get("frames")
    counts = {name: len(fields[name]) for name in _PER_FRAME if fields.get(name) is not None}
    n = min(counts.values())
    first = {name: count - n if match == "last" else 0 for name, count in counts.items()}
    chosen = frames_asked_for(frames, n)
    if len(set(counts.values())) > 1:
        if match is None and any(
            not np.array_equal(chosen, frames_asked_for(frames, count)) for count in counts.values()
        ):
            raise without_partner(counts, fields["patterns"].shape, source)
        record["numbers"] = dict(counts)
        if match is not None:
            one_of("match", match, Match)
            record["match"] = match
            warnings.warn(
                f"{source} has {_numbers(counts)}: the {match} {n} of each are kept, as asked",
                ScanWarning,
                stacklevel=2,
            )
    chosen = _of_one_scan(fields, first, chosen, options.get("scan_index"), source, record)
    chosen = _placed(fields, first, chosen, source, record)
    kept: Fields = {}
    for name, count in counts.items():
        part = _part(chosen + first[name], count)
        kept[name] = chosen_frames(fields[name], part) if name == "patterns" else fields[name][part]
    nominal = kept.get("nominal_positions_px")
    if nominal is not None and not np.isfinite(nominal).all():
        kept["nominal_positions_px"] = None
        warnings.warn(
            f"commanded positions in {source} are not all finite: not used", ScanWarning, stacklevel=2
        )
    if len(chosen) != counts["patterns"] or first["patterns"]:
        numbers = fields.get("frame_numbers")
        kept["frame_numbers"] = (chosen + first["patterns"]) if numbers is None else numbers[chosen]
    return fields | kept


def _numbers(counts: dict[str, int]) -> str:
    return " and ".join(f"{n} {name.removesuffix('_px')}" for name, n in counts.items())


def _part(chosen: NDArray[np.intp], n: int) -> Any:
    """`chosen` as a slice where that spares a copy."""
    if len(chosen) and np.array_equal(chosen, np.arange(chosen[0], chosen[0] + len(chosen))):
        return slice(int(chosen[0]), int(chosen[-1]) + 1)
    return chosen if n else slice(0)


def _of_one_scan(
    fields: Fields,
    first: dict[str, int],
    chosen: NDArray[np.intp],
    asked: int | str | None,
    source: str,
    record: dict[str, Any],
) -> NDArray[np.intp]:
    """Of `chosen` the frames of the scan asked for; `all` forgets that there are several."""
    if asked is None:
        return chosen
    index = fields.get("scan_index")
    if index is None:
        raise ScanError(f"{source} has no scan_index, it is one scan: leave --scan-index out")
    record["scan_index"] = asked
    if str(asked) == "all":
        fields["scan_index"] = np.zeros(len(index), np.int64)
        return chosen
    index = np.asarray(index)[chosen + first["scan_index"]]
    try:
        wanted = index == int(asked)
    except ValueError as error:
        raise ScanError(f"--scan-index must be a whole number or all, got {asked!r}") from error
    if not wanted.any():
        known = ", ".join(f"{value:g}" for value in np.unique(index)[:20])
        raise ScanError(f"{source} has no frame of scan_index {asked}: choose one of {known}, or all")
    return np.asarray(chosen[wanted])


def _placed(
    fields: Fields,
    first: dict[str, int],
    chosen: NDArray[np.intp],
    source: str,
    record: dict[str, Any],
) -> NDArray[np.intp]:
    """Of `chosen` the frames whose position is finite; the others are named."""
    finite = np.isfinite(fields["positions_px"][chosen + first["positions_px"]]).all(axis=1)
    if finite.all():
        return chosen
    if not finite.any():
        raise ScanError(f"no position in {source} is finite: write xcoords and ycoords again")
    gone = chosen[~finite] + first["patterns"]
    record["left_out_without_position"] = [int(n) for n in gone]
    warnings.warn(
        f"positions in {source} are not finite for {len(gone)} of {len(chosen)} frames, which are left out: "
        f"{listed(gone)}",
        ScanWarning,
        stacklevel=2,
    )
    return np.asarray(chosen[finite])


def without_negative(fields: Fields, negative: Negative | None, record: dict[str, Any]) -> Fields:
    """Values below 0 mended as asked."""
    if negative is None or fields["patterns"].dtype.kind not in "if":
        return fields
    one_of("negative", negative, Negative)
    record["negative"] = negative
    return fields | {
        "patterns": each_frame(fields["patterns"], lambda frames, _: _not_below_zero(frames, negative))
    }


def _not_below_zero(patterns: NDArray[Any], negative: Negative) -> NDArray[Any]:
    below = patterns < 0
    if negative == "zero":
        return np.where(below, patterns.dtype.type(0), patterns)
    wide = patterns.astype(np.int64) if patterns.dtype.kind == "i" else patterns
    mended = np.where(below, wide + _WRAPPED, wide)
    return mended.astype(np.uint32) if patterns.dtype.kind == "i" else mended


def in_photons(fields: Fields, source: str, record: dict[str, Any]) -> Fields:
    """Patterns that were divided by something, in photons again; a warning says by what.

    Steps, regularisation and noise follow the photons. What was divided shows where all counts are multiples
    of one value, or where fractions of photons add up to far less than the file's probe stands for.
    """
    mask, domain = fields["bad_pixels"], fields["domain"]
    some = looked_at(fields["patterns"])
    measured = some if mask is None else some[:, ~mask]
    unit, why = photon_unit(measured, domain), "all counts are whole multiples of it"
    if unit is None and fields["probe"] is not None:
        unit, why = unit_by_the_probe(measured, domain, fields["probe"]), "its probe says so"
    if unit is None:
        return fields
    record["photon_unit"] = unit
    warnings.warn(
        f"patterns in {source} were divided by something: {unit:.4g} in place of one photon ({why}); they "
        "are read in photons, since steps and noise follow them",
        ScanWarning,
        stacklevel=2,
    )
    factor = 1 / unit if domain == "counts" else 1 / np.sqrt(unit)
    return fields | {"patterns": each_frame(fields["patterns"], lambda frames, _: _times(frames, factor))}


def _times(frames: NDArray[Any], factor: float) -> NDArray[np.float32]:
    """Frames times `factor`, in their own precision before they become float32."""
    if frames.dtype.itemsize == 8:
        return np.asarray(frames.astype(np.float64) * factor, np.float32)
    return np.asarray(frames, np.float32) * np.float32(factor)


def looked_at(patterns: Patterns) -> NDArray[Any]:
    """At most 64 frames, evenly from all, by which is judged what nobody says."""
    return patterns[:: max(1, -(-len(patterns) // _LOOKED_AT))]


def cropped(
    fields: Fields, options: ReadOptions, source: str, record: dict[str, Any], *, in_metres: bool
) -> Fields:
    """A window of the detector about the zero frequency, binned; a scan says from what it was cut."""
    side, centre, bin_px = options.get("crop"), options.get("center"), options.get("bin") or 1
    if side is None and centre is None and bin_px == 1:
        return fields
    shape = fields["patterns"].shape[1:]
    where = _centre(centre, fields, shape)
    side = side or largest_side(shape, where, bin_px)
    if side % bin_px:
        fits = max(bin_px, side // bin_px * bin_px)
        raise ConfigError(f"--crop {side} is no multiple of --bin {bin_px}: --crop {fits} is")
    record["crop"] = {"from_px": list(shape), "to_px": int(side)}
    if centre is not None:
        record["crop"] |= {"center_px": [float(axis) for axis in where]}
    if bin_px > 1:
        record["bin"] = int(bin_px)
    centre_px = None if centre is None else where
    return crop_fields(fields, side, source, centre_px=centre_px, bin_px=bin_px, in_metres=in_metres)


def _centre(centre: str | None, fields: Fields, shape: tuple[int, int]) -> tuple[float, float]:
    """(y, x) of the zero frequency in pixels."""
    if centre is None:
        return shape[0] // 2, shape[1] // 2
    if centre == "auto":
        from ptychoscope.preprocess.pattern_centre import find_centre

        return find_centre(looked_at(fields["patterns"]), fields["bad_pixels"])
    try:
        y, x = (float(part) for part in centre.split(","))
    except ValueError as error:
        raise ConfigError(f"--center must be Y,X in pixels or auto, got {centre!r}") from error
    if not (0 <= y < shape[0] and 0 <= x < shape[1]):
        raise ConfigError(f"--center {centre} is not on the detector of {shape[0]} x {shape[1]} pixels")
    return y, x
