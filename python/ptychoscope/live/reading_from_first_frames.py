"""Reading: what is found on the first frames of a series, and then frozen, so that all frames are read alike.

The same functions that read a file decide: a stream and the file of the same frames give the same patterns,
bit for bit, and the same probe, positions and object pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.read_options import cropped, masked
from ptychoscope.io.sentinel_values import below_counts, without_sentinels
from ptychoscope.live.events import SeriesStart
from ptychoscope.live.settings import LiveSettings
from ptychoscope.option_literals import Domain, Operation
from ptychoscope.preprocess.crop import check_side
from ptychoscope.preprocess.frame_steps import FrameSteps
from ptychoscope.preprocess.object_pixel import object_pixel_m
from ptychoscope.preprocess.orientation import Orientation, pattern_step
from ptychoscope.scan import Scan

FIRST_FRAMES = 16
"""Frames by which the reading is found; 64 where the centre is."""
_FIRST_FOR_CENTRE = 64
_SOURCE = "the stream"


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """How frames and positions of a series are read."""

    steps: FrameSteps
    """From the detector's frames to patterns."""
    pattern_steps: str
    """What of the orientation is done to patterns after that; `none` where `steps` do it."""
    bad_pixels: NDArray[np.bool_] | None
    """(P, P) of the patterns."""
    domain: Domain = "counts"
    probe: NDArray[np.complex64] | None
    """(m, P, P), oriented."""
    unit_px: float
    """What positions are divided by: the object's pixel of the whole detector, 1 for positions in pixels."""
    scale: float
    """What they are multiplied by then: the window's side by the detector's."""
    pixel_size_m: float | None
    orientation: Orientation
    mends: tuple[Orientation, ...] = ()
    """Steps that were found while the scan ran, done after all others."""
    record: dict[str, Any]
    """What the result's `orientation` says."""

    def patterns(self, frames: NDArray[Any], *, threads: int = 1) -> NDArray[np.float32]:
        """(k, P, P) counts of frames (k, H, W), -1 where unmeasured, before mends."""
        patterns = self.steps.apply(frames, threads=threads)
        return patterns if self.pattern_steps == "none" else pattern_step(patterns, self.pattern_steps)

    def with_mends(self, patterns: NDArray[np.float32]) -> NDArray[np.float32]:
        """Patterns (k, P, P) after the mends."""
        for mend in self.mends:
            patterns = mended_patterns(patterns, mend)
        return patterns

    def positions_px(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, 2) object pixels of positions (k, 2) in the source's unit."""
        turned = self.orientation.turned(positions / self.unit_px * self.scale)
        for mend in self.mends:
            turned = mend.turned(turned)
        return turned

    def scan(self, patterns: NDArray[np.float32], positions_px: NDArray[np.float64]) -> Scan:
        """Patterns that were read, as a scan."""
        return Scan(
            np.maximum(patterns, 0),
            positions_px,
            self.domain,
            probe=self.probe,
            bad_pixels=self.bad_pixels,
            pixel_size_m=self.pixel_size_m,
            orientation=self.record,
        )

    def mended(self, mend: Orientation) -> Self:
        """The same with `mend` after all other steps. Raises `ConfigError` for what cannot be done live."""
        if mend.shift_frames:
            raise ConfigError("a lost trigger cannot be mended while the scan runs: diagnose the saved scan")
        side = self.steps.out_side
        one = Scan(
            np.zeros((1, side, side), np.float32),
            np.zeros((1, 2)),
            self.domain,
            probe=self.probe,
            bad_pixels=self.bad_pixels,
            orientation=self.record,
        )
        changed = mend.apply(one)
        return replace(
            self,
            mends=(*self.mends, mend),
            probe=changed.probe,
            bad_pixels=changed.bad_pixels,
            record=changed.orientation,
        )


def mended_patterns(patterns: NDArray[np.float32], mend: Orientation) -> NDArray[np.float32]:
    """Patterns (k, P, P), -1 where unmeasured, after the steps of `mend` that are theirs."""
    if mend.patterns != "none":
        patterns = pattern_step(patterns, mend.patterns)
    y, x = mend.roll_y, mend.roll_x
    if y or x:
        patterns = np.roll(patterns, (y, x), (-2, -1))
        patterns[:, slice(0, y) if y >= 0 else slice(y, None)] = -1
        patterns[:, :, slice(0, x) if x >= 0 else slice(x, None)] = -1
    return patterns


def frames_needed(settings: LiveSettings) -> int:
    """By how many frames a reading is found."""
    return _FIRST_FOR_CENTRE if settings.center == "auto" else FIRST_FRAMES


def find_reading(
    settings: LiveSettings,
    start: SeriesStart | None,
    frames: NDArray[Any],
    positions: NDArray[np.float64],
    *,
    model_pattern_px: tuple[int, int] | None = None,
) -> Reading:
    """The reading of a series by its first frames (k, H, W), their positions (k, 2) and its header, if any.

    Raises
    ------
    ScanError, ConfigError
        Something that is needed is not said anywhere, or does not go together.
    """
    record: dict[str, Any] = {}
    pixel_m = _object_pixel(settings, start, frames.shape[1:])
    in_metres = settings.position_unit == "m"
    if in_metres and pixel_m is None:
        raise ScanError(
            "positions are in metres, and the pixel of the object is not known: --pixel-size-m says it, or "
            "--energy-ev, --distance-m and --detector-pixel-m, as far as the stream's header does not"
        )
    fields: dict[str, Any] = {
        "patterns": frames,
        "positions_px": positions / pixel_m if in_metres and pixel_m else positions,
        "domain": "counts",
        "probe": settings.probe,
        "bad_pixels": None if start is None else start.bad_pixels,
        "pixel_size_m": pixel_m,
    }
    fields = without_sentinels(masked(fields, settings.mask, _SOURCE), _SOURCE, record)
    fields = below_counts(fields, settings.max_counts, "counts", _SOURCE, record)
    whole = fields["bad_pixels"]
    options: Any = {"crop": settings.crop, "center": settings.center, "bin": settings.bin}
    fields = cropped(fields, options, _SOURCE, record, in_metres=in_metres)
    scale = 1.0
    if "crop" in record:
        scale = record["crop"]["to_px"] / _old_side(settings, record, frames.shape[1:])
    orientation = settings.steps
    steps = _steps(settings, record, frames, whole, orientation)
    scan = orientation.apply(Scan(**fields)) if orientation.steps else Scan(**fields)
    if record:
        scan = replace(scan, orientation=scan.orientation | {"reading": record})
    if settings.window_frames:
        check_side(scan.patch_px)
    if model_pattern_px is not None and (scan.patch_px, scan.patch_px) != model_pattern_px:
        raise ScanError(
            f"the model reads patterns of {model_pattern_px[0]} px, and those of the stream have "
            f"{scan.patch_px} after crop and bin: --crop and --bin bring them to it"
        )
    return Reading(
        steps=steps,
        pattern_steps="none" if orientation.patterns in get_args(Operation) else orientation.patterns,
        bad_pixels=scan.bad_pixels,
        probe=scan.probe,
        unit_px=pixel_m if in_metres and pixel_m else 1.0,
        scale=scale,
        pixel_size_m=scan.pixel_size_m,
        orientation=orientation,
        record=dict(scan.orientation),
    )


def _steps(
    settings: LiveSettings,
    record: dict[str, Any],
    frames: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    orientation: Orientation,
) -> FrameSteps:
    shape = frames.shape[1:]
    said: dict[str, Any] = {
        "all_ones": frames.dtype.kind == "u" and frames.dtype.itemsize > 1,
        "detector_px": (int(shape[0]), int(shape[1])),
        "bin": settings.bin or 1,
        "mask": mask,
        "domain": "counts",
    }
    if orientation.patterns in get_args(Operation):
        said["operation"] = orientation.patterns
    window = record.get("crop")
    if window is None and shape[0] != shape[1]:
        raise ScanError(
            f"the detector is {shape[0]} x {shape[1]} pixels, and patterns are square: --crop says their side"
        )
    if window is None or "center_px" not in window:
        return FrameSteps(side_px=None if window is None else window["to_px"], **said)
    y, x = window["center_px"]
    return FrameSteps.about((y, x), window["to_px"], **said)


def _old_side(settings: LiveSettings, record: dict[str, Any], shape: Sequence[int]) -> int:
    """Side of the detector that the positions' pixel belongs to, as `crop_fields` has it."""
    side, bin_px = record["crop"]["to_px"], settings.bin or 1
    probe_px = max(shape) if settings.probe is None else settings.probe.shape[-1]
    return max(shape) if bin_px > 1 and probe_px == side // bin_px else probe_px


def _object_pixel(settings: LiveSettings, start: SeriesStart | None, shape: Sequence[int]) -> float | None:
    if settings.pixel_size_m is not None:
        return settings.pixel_size_m
    names = ("energy_ev", "distance_m", "detector_pixel_m")
    values = [getattr(settings, name) or getattr(start, name, None) for name in names]
    if not all(values):
        return None
    energy_ev, distance_m, detector_pixel_m = (float(value or 0) for value in values)
    return object_pixel_m(energy_ev, distance_m, detector_pixel_m, max(shape))
