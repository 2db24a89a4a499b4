"""inspect: what a scan file holds, read as it would be for a run, and what it leaves open."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.bad_pixels import look_at_detector
from ptychoscope.io import ReadOptions, open_scan
from ptychoscope.preprocess.counts_or_amplitude import agree, counts_by_the_probe
from ptychoscope.preprocess.pattern_centre import find_centre
from ptychoscope.preprocess.probe_intensity import probe_power
from ptychoscope.preprocess.unmeasured_pixels import filled, measured_amplitudes
from ptychoscope.scan import Scan

_LOOKED_AT = 64
_BEAM = 0.9
"""Part of the probe's intensity that its diameter holds."""
_OPEN = {
    "probe": "no probe: sweeps begin with one that is found in the data; --probe-file gives another",
    "pixel": "the object's pixel is not known: --pixel-size-m or --energy-ev --distance-m --detector-pixel-m",
    "mask": "no mask of bad pixels",
    "overlap": "neighbouring frames hardly overlap: networks of single frames can, sweeps cannot be used",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Inspection:
    """What was found."""

    scan: Scan
    """As it was read, its patterns still in the file where that can be."""
    path: Path
    dtype: str
    """Of the patterns, as they are read."""
    why_domain: str
    """Why the patterns are taken for counts or for amplitude."""
    centre_px: tuple[float, float]
    """(y, x) of the zero frequency, by the patterns alone."""
    hot: int
    dead: int
    masked: int
    saturation: float | None
    """Value at which frames are clipped, in the units of the patterns; None when they are not."""
    suggested_mask: NDArray[np.bool_]
    """(P, P) hot and dead pixels that no mask names."""
    mean_pattern: NDArray[np.float64]
    """(P, P) mean counts of up to 64 frames, evenly from all; -1 where unmeasured."""
    step_px: float
    """Median distance from a frame to its nearest neighbour."""
    beam_px: float | None
    """Diameter of a circle that holds nine tenths of the probe's intensity; None without a probe."""

    @property
    def overlap(self) -> float | None:
        """1 - step / beam, at least 0; None without a probe."""
        return None if self.beam_px is None else max(0.0, 1 - self.step_px / self.beam_px)

    @property
    def missing(self) -> list[str]:
        """What a run would have to do without, and what gives it."""
        scan, found = self.scan, []
        if scan.probe is None:
            found.append(_OPEN["probe"])
        if scan.pixel_size_m is None:
            found.append(_OPEN["pixel"])
        if scan.bad_pixels is None and self.suggested_mask.any():
            found.append(_OPEN["mask"])
        if self.overlap is not None and self.overlap < 0.3:
            found.append(_OPEN["overlap"])
        return found

    def figures(self) -> dict[str, Any]:
        """All numbers by name, as JSON can hold them."""
        scan, counts = self.scan, self.scan.frame_counts
        return {
            "file": str(self.path),
            "patterns": len(scan),
            "patch_px": scan.patch_px,
            "dtype": self.dtype,
            "domain": scan.domain,
            "why_domain": self.why_domain,
            "photons_per_pattern": [float(v) for v in np.percentile(counts, [0, 50, 100])],
            "dark_frames": int((counts <= 0).sum()),
            "centre_px": [round(axis, 2) for axis in self.centre_px],
            "middle_px": [scan.patch_px // 2] * 2,
            "hot_pixels": self.hot,
            "dead_pixels": self.dead,
            "masked_pixels": self.masked,
            "saturation": self.saturation,
            "step_px": self.step_px,
            "beam_px": self.beam_px,
            "overlap": self.overlap,
            "field_px": [float(v) for v in np.ptp(scan.positions_px, axis=0)],
            "pixel_size_m": scan.pixel_size_m,
            "probe_modes": 0 if scan.probe is None else len(scan.probe),
            "has_object": scan.object is not None,
            "read": scan.orientation,
            "missing": self.missing,
        }


def inspect(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> Inspection:
    """Look into the scan in `path`, read as `options` say (those of `load_scan`).

    A few frames are looked at, and the counts of all. Raises what `open_scan` raises.
    """
    scan = open_scan(path, **options)
    if len(scan) == 0:
        from ptychoscope.errors import ScanError

        raise ScanError(f"{path} has no frames")
    some = np.unique(np.linspace(0, len(scan) - 1, min(len(scan), _LOOKED_AT)).astype(np.intp))
    found = look_at_detector(scan)
    amplitude = measured_amplitudes(scan, some)
    counts = np.where(amplitude < 0, np.nan, np.square(amplitude, dtype=np.float64))
    with np.errstate(invalid="ignore"):
        mean = np.where(np.isfinite(counts).any(axis=0), np.nansum(counts, axis=0), np.nan) / len(some)
    bad = np.isnan(mean) | found.bad
    return Inspection(
        scan=scan,
        path=Path(path),
        dtype=str(scan.patterns.dtype),
        why_domain=_why(scan, some, options),
        centre_px=find_centre(filled(np.where(bad, -1, mean))[None], bad),
        hot=found.hot,
        dead=int(found.bad.sum()) - found.hot,
        masked=0 if scan.bad_pixels is None else int(scan.bad_pixels.sum()),
        saturation=found.saturation,
        suggested_mask=found.bad,
        mean_pattern=np.where(np.isnan(mean), -1.0, mean),
        step_px=_step(scan.positions_px),
        beam_px=None if scan.probe is None else _beam(scan.probe),
    )


def _why(scan: Scan, some: NDArray[np.intp], options: ReadOptions) -> str:
    """Why the values are counts, or amplitude."""
    values = np.asarray(scan.patterns[some])
    parts = ["as asked"] if options.get("domain") else []
    whole = values.dtype.kind in "ui" or np.array_equal(values, np.rint(values))
    squares = np.square(values.astype(np.float64))
    if scan.domain == "counts":
        parts.append("all values are whole" if whole else "the file says so")
    elif float(np.abs(squares - np.rint(squares)).mean()) < 0.02:
        parts.append("the squares of all values are whole")
    else:
        parts.append("the file says so, or its contract")
    if scan.probe is not None:
        held, power = float(scan.frame_counts.mean()), probe_power(scan.probe)
        fits = "as" if agree(held, power) else "where"
        parts.append(f"a pattern holds {held:.3g} photons, {fits} the probe stands for {power:.3g}")
        if scan.domain == "amplitude" and (why := counts_by_the_probe(values, scan.probe, scan.bad_pixels)):
            parts.append(f"but {why}")
    return "; ".join(parts)


def _step(positions_px: NDArray[np.float64]) -> float:
    """Median distance to the nearest neighbour, of up to 1000 frames near each other in time."""
    some = positions_px[:1000]
    if len(some) < 2:
        return 0.0
    apart = np.linalg.norm(some[:, None] - some[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return float(np.median(apart.min(axis=1)))


def _beam(probe: NDArray[np.complex64]) -> float:
    """Diameter in pixels of the circle about the probe's middle that holds `_BEAM` of its intensity."""
    intensity = np.square(np.abs(probe), dtype=np.float64).sum(axis=0)
    y, x = np.indices(intensity.shape)
    middle = [float((axis * intensity).sum() / intensity.sum()) for axis in (y, x)]
    radius = np.hypot(y - middle[0], x - middle[1])
    order = np.argsort(radius, axis=None)
    held = np.cumsum(intensity.ravel()[order]) / intensity.sum()
    return 2 * float(radius.ravel()[order][np.searchsorted(held, _BEAM)])
