"""From what a file holds to a `Scan`: options and file joined, checked, and done to every frame in one order.

Masks, domain, pairing of patterns and positions, values below 0, photons, crop and bin, pixels of the
object, orientation. What is not said is judged by a few frames, recorded, and done to all frames alike, also
to those that are read later.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.frame_axis_and_domain import domain_of
from ptychoscope.io.pair_by_number import paired_by_number, places_of, refuse_shifted
from ptychoscope.io.probe_modes_and_scale import scaled_to_counts
from ptychoscope.io.read_options import (
    Fields,
    ReadOptions,
    cropped,
    frames_kept,
    in_photons,
    looked_at,
    masked,
    without_negative,
)
from ptychoscope.io.sentinel_values import below_counts, without_sentinels
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.lazy_patterns import LazyPatterns
from ptychoscope.preprocess.object_pixel import object_pixel_m
from ptychoscope.scan import LazyScan, Scan

GEOMETRY = ("energy_ev", "distance_m", "detector_pixel_m")
"""Of which the side of an object pixel follows; kept in the record under `geometry`."""


@np.errstate(over="ignore", invalid="ignore")  # `Scan` refuses what single precision does not hold
def scan_from(stored: StoredScan, options: ReadOptions) -> Scan:
    """The scan that `stored` holds, read as `options` say; its patterns stay where they are.

    Raises `ScanError` when it is none, or when something that is needed is not said anywhere.
    """
    record = dict(stored.record)
    geometry = {
        name: value for name in GEOMETRY if (value := options.get(name) or getattr(stored, name)) is not None
    }
    if geometry:
        record["geometry"] = geometry
    fields = _fields(stored, options)
    fields = masked(fields, options.get("mask"), stored.source)
    fields = without_sentinels(fields, stored.source, record)
    fields["domain"] = domain_of(
        stored.patterns_name,
        looked_at(fields["patterns"]),
        options.get("domain"),
        stored.domain,
        stored.source,
        probe=fields["probe"],
        bad_pixels=fields["bad_pixels"],
    )
    if stored.pattern_numbers is not None and options.get("match") in (None, "index"):
        numbers = places_of(stored.pattern_numbers, stored.numbers_of_patterns)
        if options.get("match") is None and stored.numbers_of_patterns is None:
            refuse_shifted(np.asarray(numbers), len(fields["patterns"]), stored.source)
        fields = paired_by_number(fields, numbers, stored.source, record)
    elif options.get("match") == "index":
        raise ScanError(
            f"{stored.source} does not say which pattern a position belongs to: --match first or last, or "
            "positions with a column index in a CSV"
        )
    fields = frames_kept(fields, options, stored.source, record)
    fields = without_negative(fields, options.get("negative"), record)
    fields = below_counts(fields, options.get("max_counts"), fields["domain"], stored.source, record)
    if stored.probe_scale_open and options.get("probe") is None:
        fields = _with_probe_to_scale(
            in_photons(fields | {"probe": None}, stored.source, record), stored, record
        )
    else:
        fields = in_photons(fields, stored.source, record)
    fields = cropped(fields, options, stored.source, record, in_metres=stored.positions_unit == "m")
    kind = LazyScan if isinstance(fields["patterns"], LazyPatterns) else Scan
    scan = kind(**fields)
    steps = options.get("orientation")
    scan = scan if steps is None else steps.apply(scan)
    if not record:
        return scan
    before = scan.orientation.get("reading", {})
    return replace(scan, orientation=scan.orientation | {"reading": before | record})


def _with_probe_to_scale(fields: Fields, stored: StoredScan, record: dict[str, Any]) -> Fields:
    """The file's probe, which says nothing of photons, with the mean counts as its summed intensity."""
    if stored.probe is None:
        return fields
    probe = scaled_to_counts(stored.probe, fields["patterns"], fields["domain"], fields["bad_pixels"], record)
    return fields | {"probe": probe}


def _fields(stored: StoredScan, options: ReadOptions) -> Fields:
    """The fields of a scan that is still to be made, by the names of `Scan`; positions in pixels."""
    if stored.patterns is None:
        raise ScanError(f"{stored.source} {stored.without_patterns}")
    pixel_m = _object_pixel(stored, options)
    given = options.get("probe")
    nominal = _in_pixels(stored.nominal_positions, stored, pixel_m)
    positions = _in_pixels(stored.positions, stored, pixel_m)
    if positions is None:
        raise ScanError(f"{stored.source} {stored.without_positions}")
    return {
        "patterns": stored.patterns,
        "positions_px": positions,
        "probe": stored.probe if given is None else None if isinstance(given, str) else given,
        "object": stored.object,
        "bad_pixels": stored.bad_pixels,
        "nominal_positions_px": None if nominal is None or _same(nominal, positions) else nominal,
        "scan_index": None if stored.scan_index is None else np.asarray(stored.scan_index).reshape(-1),
        "pixel_size_m": pixel_m,
        "photons": stored.photons,
        "orientation": stored.orientation,
    }


def _object_pixel(stored: StoredScan, options: ReadOptions) -> float | None:
    """Side of an object pixel in metres: as asked, as stored, or from energy, distance and detector pixel."""
    asked = options.get("pixel_size_m")
    if asked is not None:
        return asked
    said = {name: options.get(name) for name in ("energy_ev", "distance_m", "detector_pixel_m")}
    if stored.pixel_size_m is not None and not any(said.values()):
        return stored.pixel_size_m
    energy_ev = said["energy_ev"] or stored.energy_ev
    distance_m = said["distance_m"] or stored.distance_m
    detector_pixel_m = said["detector_pixel_m"] or stored.detector_pixel_m
    if energy_ev is None or distance_m is None or detector_pixel_m is None or stored.patterns is None:
        return None
    side = max(stored.patterns.shape[1:])
    return object_pixel_m(float(energy_ev), float(distance_m), float(detector_pixel_m), side)  # type: ignore[arg-type]


def _in_pixels(
    positions: NDArray[Any] | None, stored: StoredScan, pixel_m: float | None
) -> NDArray[np.float64] | None:
    if positions is None:
        return None
    values = np.asarray(positions, dtype=np.float64)
    if stored.positions_unit == "px":
        return values
    if pixel_m is None:
        missing = [
            option
            for option, value in (
                ("--energy-ev", stored.energy_ev),
                ("--distance-m", stored.distance_m),
                ("--detector-pixel-m", stored.detector_pixel_m),
            )
            if value is None
        ]
        raise ScanError(
            f"positions in {stored.source} are in metres, and the pixel of the object is not known: "
            f"--pixel-size-m says it, or {', '.join(missing)}"
        )
    return values / pixel_m


def _same(start: NDArray[np.float64], positions: NDArray[np.float64]) -> bool:
    return start.shape == positions.shape and np.array_equal(start, positions, equal_nan=True)
