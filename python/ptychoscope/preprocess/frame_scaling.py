"""Positions, probe and pixel size after steps on the frames: what belongs to the pattern follows by itself.

A window of N detector pixels, where a probe of side P belongs to the whole detector, gives object pixels that
are P / N as large, as `crop` says. Binning leaves the object's pixel: a pattern of N / b wide pixels samples
the same far field more coarsely, and so sees the middle N / b pixels of the exit wave's window alone.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.preprocess.crop import crop_probe, middle
from ptychoscope.preprocess.frame_steps import FrameSteps

_CUT_OFF = 0.01
"""Of the probe's power, outside of the window that is left: more deserves a word."""


class FrameScaling(NamedTuple):
    """What a scan becomes with `steps` on its frames."""

    side_before_px: int
    """P, the side of the detector that positions and pixel size belong to."""
    window_px: int
    """N, the side of the window in pixels of the detector."""
    bin: int
    """b, pixels of the detector along a pixel of the pattern."""

    @classmethod
    def of(cls, steps: FrameSteps, side_before_px: int | None = None) -> "FrameScaling":
        """For positions that belong to a detector of `side_before_px`; None: the longer side of the frames.

        Raises `ScanError` when the window is larger than that: the object's pixel would become smaller than
        what the probe is known on.
        """
        before = max(steps.detector_px) if side_before_px is None else side_before_px
        if steps.window_px > before:
            raise ScanError(
                f"the window of {steps.window_px} px is larger than the {before} px that positions and probe "
                f"belong to: take side_px={before // steps.bin * steps.bin} or less"
            )
        return cls(before, steps.window_px, steps.bin)

    @property
    def out_side(self) -> int:
        """Side of a pattern, and of the probe, in pixels."""
        return self.window_px // self.bin

    @property
    def positions(self) -> float:
        """What positions in pixels are multiplied by."""
        return self.window_px / self.side_before_px

    @property
    def pixel_size(self) -> float:
        """What the object's pixel is multiplied by."""
        return self.side_before_px / self.window_px

    def probe(self, modes: NDArray[Any]) -> NDArray[np.complex64]:
        """Modes (m, P, P) on the pixels and in the window that are left, (m, N / b, N / b) complex64.

        A `ScanWarning` says when that window cuts more than 1 % of the power off: the bins are coarser than
        what the probe makes of the far field. Raises `ScanError` for modes of another side.
        """
        side = self.side_before_px
        if modes.ndim != 3 or modes.shape[1:] != (side, side):
            raise ScanError(f"the probe must be (modes, {side}, {side}), got {modes.shape}")
        cropped = crop_probe(modes, self.window_px) if self.window_px < side else modes.astype(np.complex64)
        if self.bin == 1:
            return cropped
        left = middle(cropped, self.out_side)
        lost = 1 - _power(left) / max(_power(cropped), 1e-300)
        if lost > _CUT_OFF:
            warnings.warn(
                f"bins of {self.bin} leave a window of {self.out_side} px, and {100 * lost:.0f} % of the "
                "probe's power lies outside: patterns hold speckles finer than a bin; bin less",
                ScanWarning,
                stacklevel=2,
            )
        return left


def scaled_fields(fields: dict[str, Any], steps: FrameSteps) -> dict[str, Any]:
    """The fields of a scan, by the names of `Scan`, that follow when its frames go through `steps`.

    Positions (n, 2), nominal positions, pixel size, probe (m, P, P) and photons are changed; the object stays
    only where its pixels do; bad pixels become what the steps say. Patterns are the caller's to make. A
    symmetry of the patterns leaves the rest: it brings them to the axes of the probe. Raises `ScanError`.
    """
    probe = fields.get("probe")
    scaling = FrameScaling.of(steps, None if probe is None else probe.shape[-1])
    changed: dict[str, Any] = {"domain": steps.out_domain}
    for name in ("positions_px", "nominal_positions_px"):
        if fields.get(name) is not None:
            changed[name] = fields[name] * scaling.positions
    if fields.get("pixel_size_m") is not None:
        changed["pixel_size_m"] = fields["pixel_size_m"] * scaling.pixel_size
    if scaling.pixel_size != 1:
        changed["object"] = None
    if probe is not None:
        changed["probe"] = scaling.probe(probe)
        if fields.get("photons") is not None:
            kept = _power(changed["probe"]) / max(_power(probe), 1e-300)
            changed["photons"] = fields["photons"] * kept
    unmeasured = steps.unmeasured()
    changed["bad_pixels"] = unmeasured if unmeasured.any() else None
    return fields | changed


def _power(modes: NDArray[Any]) -> float:
    return float(np.square(np.abs(modes), dtype=np.float64).sum())
