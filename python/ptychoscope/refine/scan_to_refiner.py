"""From scans and images into a refiner, and out again."""

import warnings
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.sweep_findings import FRAME_STATES, ExaminedImage
from ptychoscope.scan import Scan

_CHUNK_FRAMES = 256
_LEAST_COVERAGE = 1e-3
"""Of a start, as a fraction of its largest: what lies below is taken for empty."""
_SAME_PX = 1e-6


def add_scan(refiner: Refiner, scan: Scan, extent: CanvasExtent, saturation: float | None) -> None:
    """Add the frames of `scan`, and say which cannot be used."""
    add_frames(refiner, scan, extent, saturation)
    say_left_out(refiner.states)


def add_frames(refiner: Refiner, scan: Scan, extent: CanvasExtent, saturation: float | None) -> None:
    """Add the frames of `scan`, whatever their state."""
    for begin in range(0, len(scan), _CHUNK_FRAMES):
        part = slice(begin, begin + _CHUNK_FRAMES)
        positions = extent.to_canvas(scan.positions_px[part])
        refiner.add(
            scan.patterns[part],
            positions,
            domain=scan.domain,
            bad_pixels=scan.bad_pixels,
            saturation=saturation,
        )


def say_left_out(states: NDArray[np.uint8]) -> None:
    """A `ScanWarning` with the frames that take no part in sweeps; `ScanError` when none does.

    `states` (n,) index `FRAME_STATES`.
    """
    counts = np.bincount(states, minlength=len(FRAME_STATES))
    left_out = ", ".join(f"{n} {name}" for n, name in zip(counts[1:], FRAME_STATES[1:], strict=True) if n)
    if counts[0] == 0:
        raise ScanError(f"no frame of the scan can be refined: {left_out}")
    if left_out:
        warnings.warn(f"frames left out of the sweeps: {left_out}", ScanWarning, stacklevel=3)


def on_extent(image: Reconstruction, extent: CanvasExtent) -> NDArray[np.complex64]:
    """`image` cut or padded to `extent`; 1 where it is not covered."""
    result = np.ones(extent.shape, np.complex64)
    offset = [a - b for a, b in zip(image.origin_px, extent.origin_px, strict=True)]
    to = [
        slice(max(o, 0), max(min(o + n, m), 0))
        for o, n, m in zip(offset, image.object.shape, extent.shape, strict=True)
    ]
    source = tuple(slice(t.start - o, max(t.stop - o, t.start - o)) for t, o in zip(to, offset, strict=True))
    seen = image.coverage > _LEAST_COVERAGE * image.coverage.max()
    result[tuple(to)] = np.where(seen, image.object, 1)[source]
    return result


def partly_done(sweeps: int, of: int) -> dict[str, str]:
    """What a record says of sweeps that were stopped early; nothing where all were done."""
    return {"partial": f"{sweeps} of {of} sweeps"} if sweeps < of else {}


class Swept(NamedTuple):
    """What sweeps made, and an examined sweep found."""

    object: NDArray[np.complex64]
    """(H, W)."""
    found: ExaminedImage
    probe: NDArray[np.complex64]
    """(m, P, P)."""
    positions_px: NDArray[np.float64]
    """(n, 2) in the object plane."""


def result_of(
    refiner: Refiner,
    scan: Scan,
    extent: CanvasExtent,
    start: Reconstruction | None,
    record: dict[str, str | int | float],
) -> Reconstruction:
    """What `refiner` holds after an examined sweep, as a reconstruction of `scan`."""
    positions = refiner.positions_px + np.asarray(extent.origin_px)
    found = ExaminedImage(refiner.coverage, refiner.spread)
    swept = Swept(refiner.object, found, refiner.probe, positions)
    return result_of_swept(swept, scan, extent, start, record)


def result_of_swept(
    swept: Swept,
    scan: Scan,
    extent: CanvasExtent,
    start: Reconstruction | None,
    record: dict[str, str | int | float],
) -> Reconstruction:
    """What sweeps of `scan` made on `extent`, as a reconstruction."""
    coverage, probe, positions = swept.found.coverage, swept.probe, swept.positions_px
    object_ = np.where(coverage > 0, swept.object, 0).astype(np.complex64)
    changed = scan.probe is not None and not np.array_equal(scan.probe, probe)
    moves = positions - scan.positions_px
    moved = float(np.sqrt(np.mean(np.sum(moves**2, axis=1))))
    corrected = moved > _SAME_PX
    return Reconstruction(
        object=object_,
        coverage=coverage,
        spread=swept.found.spread,
        origin_px=extent.origin_px,
        pixel_size_m=scan.pixel_size_m or (None if start is None else start.pixel_size_m),
        positions_px=positions if corrected else scan.positions_px,
        probe=probe,
        given_positions_px=scan.positions_px if corrected else None,
        given_probe=scan.probe if changed else None,
        orientation=dict(scan.orientation),
        provenance={
            "ptychoscope": version("ptychoscope"),
            "frames": len(scan),
            **({} if start is None else start.provenance),
            **record,
            "refine_moved_rms_px": moved if corrected else 0.0,
        },
    )
