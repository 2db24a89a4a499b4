"""StoredScan: what a file holds of a scan, as it is stored; every reader makes one, `scan_from` goes on."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.lazy_patterns import Patterns
from ptychoscope.option_literals import Domain, PositionUnit
from ptychoscope.preprocess.object_pixel import object_pixel_m

_WITH_POSITIONS = ("positions", "positions_unit", "pattern_numbers", "nominal_positions", "object")
_SAME_PIXEL = 1e-3
"""Object pixels that differ by less of their side are the same."""
_GEOMETRY = ("pixel_size_m", "energy_ev", "distance_m", "detector_pixel_m")


@dataclass(eq=False, kw_only=True)
class StoredScan:
    """The parts of a scan that a reader found; None is what the file does not hold."""

    source: str
    """Names the file in messages."""
    patterns: Patterns | None = None
    """(n, H, W) real numbers, an array or `LazyPatterns`, frames along the first axis."""
    patterns_name: str = "patterns"
    """What the file calls them."""
    domain: Domain | None = None
    """What the format says a pixel holds."""
    positions: NDArray[Any] | None = None
    """(m, 2) as (y, x) of the patch centre, y down and x right, in `positions_unit`."""
    positions_unit: PositionUnit = "px"
    """`px`: pixels of the object; `m`: metres."""
    pattern_numbers: NDArray[np.int64] | None = None
    """(m,) which pattern each position belongs to, where the file says so."""
    numbers_of_patterns: NDArray[np.int64] | None = None
    """(n,) the numbers of the patterns, by which `pattern_numbers` finds them; None: 0, 1, 2, ..."""
    nominal_positions: NDArray[Any] | None = None
    """(m, 2) as commanded, in the same unit."""
    probe: NDArray[Any] | None = None
    """(P, P) or (modes, P, P) complex."""
    probe_scale_open: bool = False
    """The format does not say what the probe's summed intensity is: it is brought to the mean counts."""
    object: NDArray[Any] | None = None
    """(H, W) complex; index [0, 0] is object pixel (0, 0)."""
    bad_pixels: NDArray[Any] | None = None
    """(H, W), true where the detector says nothing."""
    scan_index: NDArray[Any] | None = None
    """(n,) which scan a frame belongs to."""
    pixel_size_m: float | None = None
    """Side of an object pixel."""
    energy_ev: float | None = None
    distance_m: float | None = None
    """From the sample to the detector."""
    detector_pixel_m: float | None = None
    """Side of a pixel of the detector."""
    photons: float | None = None
    """Photons per pattern that the probe stands for."""
    orientation: dict[str, Any] = field(default_factory=dict)
    """What was done to the scan before it was written."""
    record: dict[str, Any] = field(default_factory=dict)
    """What the reader did or chose, for the scan's record."""
    without_patterns: str = "has no patterns: --patterns FILE:/path names a data set that holds them"
    """What is said of the file when it has none."""
    without_positions: str = "has no positions: --positions FILE:/path or FILE.csv says where they are"
    """What is said of the file when it has none."""

    def with_parts_of(self, other: "StoredScan", name: str) -> "StoredScan":
        """With the positions of `other`, a file called `name`, and what only that one states of the rest.

        An object comes with the positions alone, whose pixels it has. Where the object pixels of the two are
        not the same, positions are brought to those of this scan, and probe and object are left out, which a
        `ScanWarning` says. The record says what came from where.
        """
        apart = self._pixels_apart(other, name)
        changed: dict[str, Any] = {}
        if other.positions is not None:
            changed = {part: getattr(other, part) for part in _WITH_POSITIONS}
            if apart is not None:
                changed |= {"positions": apart, "nominal_positions": None, "object": None}
        taken = ["positions"] if changed else []
        if self.probe is None and other.probe is not None and apart is None:
            changed |= {"probe": other.probe, "probe_scale_open": other.probe_scale_open}
            taken.append("probe")
        for part in _GEOMETRY:
            if getattr(self, part) is None and getattr(other, part) is not None and apart is None:
                changed[part] = getattr(other, part)
                taken.append(part)
        record = other.record | self.record | {"companion": {"file": name, "gave": taken}}
        return replace(self, **changed, record=record)

    def object_pixel_m(self) -> float | None:
        """Side of an object pixel: as stated, or by energy, distance and detector pixel; None else."""
        if self.pixel_size_m is not None:
            return self.pixel_size_m
        if self.energy_ev is None or self.distance_m is None or self.detector_pixel_m is None:
            return None
        if self.patterns is None:
            return None
        side = max(self.patterns.shape[1:])
        return object_pixel_m(self.energy_ev, self.distance_m, self.detector_pixel_m, side)

    def _pixels_apart(self, other: "StoredScan", name: str) -> NDArray[Any] | None:
        """Positions of `other` in pixels of this scan's object, where the two differ; else None."""
        here, there = self.object_pixel_m(), other.pixel_size_m
        if here is None or there is None or abs(there / here - 1) < _SAME_PIXEL:
            return None
        if other.positions is None or other.positions_unit != "px":
            return None
        warnings.warn(
            f"{name} has object pixels of {there:.6g} m, and {self.source} of {here:.6g} m: its positions "
            "are brought to these, and its probe and object are left out",
            ScanWarning,
            stacklevel=3,
        )
        return np.asarray(other.positions) * (there / here)


def one_number(parts: Mapping[str, Any], name: str, source: str | Path, kinds: str = "uif") -> float | None:
    """The number under `name`, of these kinds of numpy's; None without. Raises `ScanError`."""
    value = parts.get(name)
    if value is None:
        return None
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in kinds:
        raise ScanError(f"{name} in {source} must be one number, got {array.shape} {array.dtype}")
    return float(array.reshape(()))
