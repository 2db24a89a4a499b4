"""What is wrong with a scan: every difference between what a user is given and the truth, by name."""

import math
from dataclasses import dataclass, fields

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import GapValue, one_of


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults of a simulated scan; none by default. Lengths are object pixels, counts are photons.

    Raises `ConfigError` when a value is impossible.
    """

    probe_error: float = 0.0
    """|given - true| / |true| of every mode that is given; the error is smooth and orthogonal to the mode."""
    probe_defocus_rad: float = 0.0
    """Defocus of the given probe against the true one, as `ProbeConfig.defocus_rad`."""
    given_modes: int | None = None
    """How many of the true probe's modes are given, the strongest first, with the power of all; None: all."""
    position_error_px: float = 0.0
    """Root mean square along each axis of a normal error of the given positions, their mean kept."""
    drift_px: float = 0.0
    """How far the given positions run away from the true ones over the scan, evenly, in a drawn direction."""
    scale_error: float = 0.0
    """The given raster is larger than the true one by this fraction, about its middle."""
    rotation_deg: float = 0.0
    """The given raster is turned by this angle, from y to x, about its middle."""
    blur: float = 0.0
    """Length of an exposure along the fast axis (x) as a fraction of the step: the stage moves meanwhile."""
    lost_triggers: tuple[int, ...] = ()
    """Exposures that the detector missed, by number from 0: later frames stand beside an earlier position."""
    background: float = 0.0
    """Flat background, as a fraction of the photons of a pattern."""
    smooth_background: float = 0.0
    """Background of a broad, uneven shape, as a fraction of the photons of a pattern."""
    clip_counts: float | None = None
    """Counts above it are recorded as it."""
    dead: float = 0.0
    """Fraction of the detector's pixels that always hold 0."""
    hot: float = 0.0
    """Fraction of the detector's pixels that are lit by themselves, `hot_counts` on average."""
    hot_counts: float | None = None
    """Mean counts of a hot pixel; None: four times the largest expected count of the scan."""
    gap_rows_px: int = 0
    """Rows without a sensor, from row 5 P // 8 on."""
    gap_columns_px: int = 0
    """Columns without a sensor, from column 5 P // 8 on."""
    gap_value: GapValue = "zero"
    """What the file holds in a gap: 0, -1, or 2^32 - 1."""
    mask_told: bool = True
    """Whether dead and hot pixels and gaps are named in `bad_pixels` of the scan that is given."""
    wild_frames: int = 0
    """Frames that hold garbage: pixels of exponential brightness, ten times the photons in all."""
    dark_frames: int = 0
    """Frames taken without beam: they hold the background alone."""

    def __post_init__(self) -> None:
        """Check every value."""
        one_of("gap_value", self.gap_value, GapValue)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{field.name} must be finite, got {value}")
        self._check_signs()
        if self.dead + self.hot > 1:
            raise ConfigError(f"dead and hot pixels must be at most all pixels, got {self.dead} + {self.hot}")
        if self.blur > _LONGEST_BLUR:
            raise ConfigError(f"blur must be at most {_LONGEST_BLUR} steps, got {self.blur}")
        if self.scale_error <= -1:
            raise ConfigError(f"scale_error must be above -1, got {self.scale_error}")
        gap = self.gap_rows_px or self.gap_columns_px
        if gap and self.gap_value == "negative" and not self.mask_told:
            raise ConfigError("a gap of negative values must be told: no scan may hold them without a mask")

    def _check_signs(self) -> None:
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("given_modes", "clip_counts", "hot_counts"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be above 0, got {value}")


_LONGEST_BLUR = 4
_NOT_NEGATIVE = (
    *("probe_error", "position_error_px", "drift_px", "background", "smooth_background", "blur", "dead"),
    *("hot", "gap_rows_px", "gap_columns_px", "wild_frames", "dark_frames"),
)
