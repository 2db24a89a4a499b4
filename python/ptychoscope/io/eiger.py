"""Master files of DECTRIS detectors (EIGER, ARINA): their old layout of linked files, and NXmx of 2024.2.

Old: `/entry/data/data_000001`, ... are links to files of frames (n, y, x) beside the master; an acquisition
that was stopped leaves links to files that were never written, and the scan ends at the first of them. New
(NeXus NXmx as DECTRIS' FileWriter writes it): `/entry/data/data` is one virtual data set (n, channel, y, x)
with a channel for each energy threshold, named in `/entry/data/channel`. Rows and columns are the detector's,
as seen from the sample; a pixel is bad where any bit of `pixel_mask` is set. Neither holds positions.
"""

import re
import warnings
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.io.hdf5_patterns import Hdf5Patterns, JoinedPatterns
from ptychoscope.io.linked_hdf5 import MissingLinkError, ScanHdf5, missing_sources
from ptychoscope.io.plausible_quantities import (
    DISTANCE_M,
    detector_pixel_m,
    plausible,
    plausible_energy_ev,
)
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.io.units import METRES
from ptychoscope.lazy_patterns import LazyPatterns

NAME = "DECTRIS master"
_DATA, _DETECTOR = "/entry/data", "/entry/instrument/detector"
_SPECIFIC, _BEAM = f"{_DETECTOR}/detectorSpecific", "/entry/instrument/beam"
_LINK = re.compile(r"data_(\d{1,9})")
_CHANNEL = "_channel"
_DEFAULT_CHANNEL = "threshold_1"


def matches(file: ScanHdf5) -> bool:
    """Whether this is a master: linked files of frames, or one data set beside a detector."""
    with suppress(ScanError):
        if _linked(file):
            return True
        found = file.find(f"{_DATA}/data")
        return (
            isinstance(found, h5py.Dataset)
            and len(found.shape or ()) in (3, 4)
            and isinstance(file.find(_DETECTOR), h5py.Group)
        )
    return False


def read(file: ScanHdf5, options: ReadOptions) -> StoredScan:
    """What a master holds; raises `ScanError`, and says with `ScanWarning` where frames are missing."""
    if _linked(file):
        if options.get("channel"):
            raise ConfigError(f"{file.path} has no channels: leave --channel out")
        (patterns, missing), channel = _from_links(file), None
    else:
        patterns, missing, channel = _from_one(file, options)
    record: dict[str, Any] = {"format": NAME}
    if channel is not None:
        record["channel"] = channel
    record |= _facts(file, len(patterns))
    _say_what_is_missing(str(file.path), missing, record)
    return StoredScan(
        source=str(file.path),
        patterns=patterns,
        patterns_name=_DATA,
        domain="counts",
        bad_pixels=_mask(file, channel),
        energy_ev=plausible_energy_ev(
            file,
            (f"{_SPECIFIC}/photon_energy", f"{_BEAM}/incident_energy", f"{_DETECTOR}/photon_energy"),
            (f"{_BEAM}/incident_wavelength",),
        ),
        distance_m=plausible(
            file, (f"{_DETECTOR}/detector_distance", f"{_DETECTOR}/distance"), METRES, 1.0, DISTANCE_M
        ),
        detector_pixel_m=detector_pixel_m(file, _DETECTOR),
        record=record,
    )


def _linked(file: ScanHdf5) -> list[tuple[int, str]]:
    """Number and name of the files of frames, in their order."""
    found = [(int(match[1]), name) for name in file.children(_DATA) if (match := _LINK.fullmatch(name))]
    return sorted(found)


def _from_links(file: ScanHdf5) -> tuple[LazyPatterns, str]:
    """Frames of the linked files, one after the other, up to the first that is not there, and its name."""
    parts: list[Hdf5Patterns] = []
    missing = ""
    for place, (number, name) in enumerate(names := _linked(file)):
        if place and number != names[place - 1][0] + 1:
            missing = f"data_{names[place - 1][0] + 1:06d}"
            break
        try:
            found = file.dataset(f"{_DATA}/{name}")
        except MissingLinkError:
            missing = name
            break
        if found is None:
            raise ScanError(f"{_DATA}/{name} in {file.path} leads to no data set: copy its file again")
        parts.append(Hdf5Patterns(file, found))
    if not sum(part.shape[0] for part in parts):
        raise ScanError(
            f"{file.path} has no frames, the file of {missing or names[0][1]} is not there or holds none: "
            "copy it beside"
        )
    return LazyPatterns(JoinedPatterns(parts)), missing


def _from_one(file: ScanHdf5, options: ReadOptions) -> tuple[LazyPatterns, str, str | None]:
    """Frames of the one data set, of the channel asked for; what is missing, and that channel."""
    name = f"{_DATA}/data"
    found = file.dataset(name)
    if found is None:
        raise ScanError(f"{file.path} has no data set {name}")
    names = _channels(file, found)
    channel = _chosen(names, options.get("channel"), str(file.path))
    there = missing_sources(found)
    if not there:
        raise ScanError(f"{file.path} has no frames, the files of {name} are not there: copy them beside")
    index = None if channel is None else names.index(channel)
    length, missing = (there, f"frame {there}") if there < found.shape[0] else (None, "")
    return LazyPatterns(Hdf5Patterns(file, found, channel=index, length=length)), missing, channel


def _channels(file: ScanHdf5, found: h5py.Dataset) -> list[str]:
    """Names of the channels along axis 1 of the data set; none when it has no such axis."""
    names = file.texts(f"{_DATA}/channel") or []
    names = names or [one for one in file.children(_DETECTOR) if one.endswith(_CHANNEL)]
    if found.ndim != 4 or not names:
        return []
    names = [one.removesuffix(_CHANNEL) for one in names]
    if len(names) != found.shape[1] or len(set(names)) < len(names):
        raise ScanError(
            f"{found.name} {found.shape} in {file.path} has {found.shape[1]} channels, and they are called "
            f"{', '.join(names)}: name the data set with --patterns, and its frames will be a grid"
        )
    return names


def _chosen(names: list[str], asked: str | None, source: str) -> str | None:
    if not names:
        if asked is not None:
            raise ConfigError(f"{source} has no channels: leave --channel out")
        return None
    if asked is None:
        return _DEFAULT_CHANNEL if _DEFAULT_CHANNEL in names else names[0]
    name = asked.removesuffix(_CHANNEL)
    if name not in names:
        raise ConfigError(f"{source} has no channel {asked}: choose --channel {' or '.join(names)}")
    return name


def _mask(file: ScanHdf5, channel: str | None) -> NDArray[np.bool_] | None:
    """(H, W), true where any bit is set, of the channel where that has one of its own."""
    places = [f"{_SPECIFIC}/pixel_mask", f"{_DETECTOR}/pixel_mask"]
    if channel is not None:
        places.insert(0, f"{_DETECTOR}/{channel}{_CHANNEL}/pixel_mask")
    for place in places:
        mask = file.array(place)
        if mask is not None and mask.size:
            if mask.dtype.kind not in "bui":
                raise ScanError(f"{place} in {file.path} must be bits, got {mask.dtype}")
            plane = mask[0] if mask.ndim == 3 and len(mask) == 1 else mask
            return np.asarray(plane != 0)
    return None


def _facts(file: ScanHdf5, frames: int) -> dict[str, Any]:
    """What the detector says besides: frames that were asked for, bits, and where its counting ends."""
    facts: dict[str, Any] = {}
    numbers = {
        "saturation_counts": (
            f"{_SPECIFIC}/countrate_correction_count_cutoff",
            f"{_DETECTOR}/saturation_value",
        ),
        "bit_depth": (f"{_DETECTOR}/bit_depth_image", f"{_SPECIFIC}/bit_depth_image"),
    }
    for key, places in numbers.items():
        for place in places:
            value = file.number(place)
            if value is not None and np.isfinite(value) and value > 0:
                facts.setdefault(key, int(value))
    asked = [file.number(f"{_SPECIFIC}/{name}") or 0 for name in ("nimages", "ntrigger")]
    facts["frames"] = frames
    if all(1 <= value < 1 << 40 for value in asked):
        facts["frames_asked_for"] = int(asked[0]) * int(asked[1])
    return facts


def _say_what_is_missing(source: str, missing: str, record: dict[str, Any]) -> None:
    frames, asked_for = record["frames"], record.get("frames_asked_for", 0)
    of = f"{frames} of {asked_for} frames" if asked_for > frames else f"{frames} frames"
    if missing:
        said = f"the file of {missing} in {source} is not there: the scan ends before it, with {of}"
    elif asked_for > frames:
        said = f"{source} holds {of} that were asked for: the acquisition was stopped"
    else:
        return
    record["missing_from"] = missing or f"frame {frames}"
    warnings.warn(said, ScanWarning, stacklevel=3)
