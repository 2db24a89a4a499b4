"""Orientation: the named steps that bring a detector's and a stage's axes to [y, x], y down and x right.

The sample frame is the one in which the far field of `probe * object patch` at `positions_px` is the
pattern. The probe and the object of a scan are taken to be in it, unless a step says otherwise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.lazy_patterns import Patterns, each_frame
from ptychoscope.option_literals import Operation, PatternStep, ProbeStep, one_of
from ptychoscope.preprocess.refocus_magnify_probe import magnified, refocused
from ptychoscope.scan import Scan


def apply_operation(images: NDArray[Any], operation: Operation) -> NDArray[Any]:
    """One of the 8 symmetries of the square on (..., P, P), any dtype, about index P // 2, cyclically.

    The zero frequency therefore stays at P // 2 for even and odd P. `rot90` turns counter-clockwise as
    displayed with y down; `flip_y` reverses the rows; `antitranspose` mirrors at the other diagonal.
    """
    one_of("orientation", operation, Operation)
    even = images.shape[-1] % 2 == 0

    def flip(array: NDArray[Any], axis: int) -> NDArray[Any]:
        flipped = np.flip(array, axis)
        return np.roll(flipped, 1, axis) if even else flipped

    steps: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
        "none": lambda a: a,
        "transpose": lambda a: np.swapaxes(a, -1, -2),
        "flip_y": lambda a: flip(a, -2),
        "flip_x": lambda a: flip(a, -1),
        "rot180": lambda a: flip(flip(a, -2), -1),
        "rot90": lambda a: flip(np.swapaxes(a, -1, -2), -2),
        "rot270": lambda a: flip(np.swapaxes(a, -1, -2), -1),
        "antitranspose": lambda a: flip(flip(np.swapaxes(a, -1, -2), -2), -1),
    }
    return np.ascontiguousarray(steps[operation](images))


def pattern_step(images: NDArray[Any], steps: str) -> NDArray[Any]:
    """`PatternStep`s joined by `+`, in their order, on (..., P, P); `fftshift` brings [0, 0] to P // 2."""
    for step in steps.split("+"):
        if step == "fftshift":
            images = np.fft.fftshift(images, axes=(-2, -1))
        else:
            images = apply_operation(images, step)  # type: ignore[arg-type]  # checked there
    return images


def probe_step(probe: NDArray[Any], steps: str) -> NDArray[Any]:
    """`ProbeStep`s joined by `+`, in their order, on (m, P, P)."""
    for step in steps.split("+"):
        probe = np.conj(probe) if step == "conjugate" else apply_operation(probe, step)  # type: ignore[arg-type]
    return probe


def rolled(
    patterns: NDArray[Any], mask: NDArray[np.bool_] | None, y: int, x: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Patterns (n, P, P) moved by whole pixels, and the mask (P, P) of what is bad or was moved round."""
    return np.roll(patterns, (y, x), (-2, -1)), _rolled_mask(mask, patterns.shape[-1], y, x)


def _rolled_mask(mask: NDArray[np.bool_] | None, side: int, y: int, x: int) -> NDArray[np.bool_]:
    bad = np.zeros((side, side), bool) if mask is None else np.roll(mask, (y, x), (0, 1))
    index = np.arange(side)
    bad |= ((index < y) | (index >= side + y))[:, None] | ((index < x) | (index >= side + x))
    return bad


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """Steps, applied in the order of the fields; what was applied is recorded in `Scan.orientation`."""

    patterns: str = "none"
    """`PatternStep`s joined by `+`, on every pattern and the bad pixels, about the zero frequency."""
    roll_y: int = 0
    """Move every pattern so many rows down; what comes in at the other edge was not measured."""
    roll_x: int = 0
    """The same to the right."""
    probe: str = "none"
    """`ProbeStep`s joined by `+`: a symmetry when it was made in the detector's frame, `conjugate`."""
    probe_scale: float = 1.0
    """The probe is drawn so many times as large, when it was made for another pixel size."""
    probe_defocus: float = 0.0
    """c of exp(i c |k|^2) applied to the probe's far field, k in cycles per pixel (rad px^2)."""
    swap_xy: bool = False
    """Exchange the two coordinates of every position."""
    flip_y: bool = False
    """Negate y."""
    flip_x: bool = False
    """Negate x."""
    rotate: float = 0.0
    """Turn the positions by so many degrees, counter-clockwise as displayed with y down."""
    scale: float = 1.0
    """Multiply both coordinates, after the flips (units, or a motor's calibration)."""
    shift_frames: int = 0
    """Frame k belongs to position k + `shift_frames`; what is left without a partner is left out."""

    def __post_init__(self) -> None:
        for name, literal in (("patterns", PatternStep), ("probe", ProbeStep)):
            for step in getattr(self, name).split("+"):
                one_of(f"orientation {name}", step, literal)
        for name in ("scale", "probe_scale"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ConfigError(
                    f"orientation {name} must be a positive number, got {value}: to mirror, flip"
                )
        for name in ("rotate", "probe_defocus"):
            if not np.isfinite(getattr(self, name)):
                raise ConfigError(f"orientation {name} must be a finite number, got {getattr(self, name)}")

    @classmethod
    def parse(cls, text: str) -> "Orientation":
        """From `"patterns=rot90,swap_xy,flip_y,scale=0.5"`; raises `ConfigError` naming the wrong part."""
        values: dict[str, Any] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            name, _, value = part.partition("=")
            if name in values:
                raise ConfigError(f"orientation names {name} twice in {text!r}: once is enough")
            values[name] = _value(name, value, part)
        return cls(**values)

    @property
    def steps(self) -> list[list[Any]]:
        """[name, value] of every step that changes something, in the order of application."""
        default = Orientation()
        named = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        return [[name, value] for name, value in named if value != getattr(default, name)]

    @property
    def text(self) -> str:
        """What `parse` reads: empty when nothing is changed."""
        parts = [name if value is True else f"{name}={value}" for name, value in self.steps]
        return ",".join(parts)

    def apply(self, scan: Scan) -> Scan:
        """`scan` with these steps done and recorded. The object is left as it is.

        Steps on the probe do nothing to a scan without one. Raises `ScanError` when `shift_frames` leaves no
        frame.
        """
        if not self.steps:
            return scan
        nominal, mask = scan.nominal_positions_px, scan.bad_pixels
        mask = None if mask is None else pattern_step(mask, self.patterns)
        if self.roll_y or self.roll_x:
            mask = _rolled_mask(mask, scan.patch_px, self.roll_y, self.roll_x)
        turned = replace(
            scan,
            patterns=self._patterns(scan.patterns),
            bad_pixels=mask,
            probe=self._probe(scan.probe),
            positions_px=self.turned(scan.positions_px),
            nominal_positions_px=None if nominal is None else self.turned(nominal),
            orientation={**scan.orientation, "steps": [*scan.orientation.get("steps", []), *self.steps]},
        )
        return self._partners(turned) if self.shift_frames else turned

    def _patterns(self, patterns: Patterns) -> Patterns:
        if self.patterns != "none":
            patterns = each_frame(patterns, lambda frames, _: pattern_step(frames, self.patterns))
        if self.roll_y or self.roll_x:
            by = (self.roll_y, self.roll_x)
            patterns = each_frame(patterns, lambda frames, _: np.roll(frames, by, (-2, -1)))
        return patterns

    def _probe(self, probe: NDArray[np.complex64] | None) -> NDArray[np.complex64] | None:
        if probe is None:
            return None
        changed = probe_step(probe, self.probe)
        if self.probe_scale != 1:
            changed = magnified(changed, self.probe_scale)
        return refocused(changed, self.probe_defocus) if self.probe_defocus else changed

    def turned(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (n, 2) after the steps that are theirs."""
        moved = positions[:, ::-1] if self.swap_xy else positions
        sign = np.array([-1.0 if self.flip_y else 1.0, -1.0 if self.flip_x else 1.0])
        moved = moved * sign
        if self.rotate:
            cos, sin = math.cos(math.radians(self.rotate)), math.sin(math.radians(self.rotate))
            moved = moved @ np.array([[cos, sin], [-sin, cos]])  # row vectors (y, x)
        return np.ascontiguousarray(moved * self.scale)

    def _partners(self, scan: Scan) -> Scan:
        """Frames and positions paired anew."""
        shift, n = self.shift_frames, len(scan)
        if abs(shift) >= n:
            raise ScanError(f"orientation shift_frames={shift} leaves none of {n} frames: take a smaller one")
        frames = slice(max(0, -shift), n - max(0, shift))
        places = slice(max(0, shift), n + min(0, shift))
        nominal = scan.nominal_positions_px
        return replace(
            scan.select(frames),
            positions_px=scan.positions_px[places],
            nominal_positions_px=None if nominal is None else nominal[places],
        )


_KNOWN = (
    "patterns=NAME, roll_y=WHOLE, roll_x=WHOLE, probe=NAME, probe_scale=NUMBER, probe_defocus=NUMBER, "
    "swap_xy, flip_y, flip_x, rotate=DEGREES, scale=NUMBER, shift_frames=WHOLE"
)


def _value(name: str, value: str, part: str) -> Any:
    if name in ("patterns", "probe"):
        return value
    if name in ("swap_xy", "flip_y", "flip_x") and not value:
        return True
    if name in ("scale", "rotate", "probe_scale", "probe_defocus"):
        try:
            return float(value)
        except ValueError as error:
            raise ConfigError(f"orientation {name} must be a number, got {value!r}") from error
    if name in ("shift_frames", "roll_y", "roll_x"):
        try:
            return int(value)
        except ValueError as error:
            raise ConfigError(f"orientation {name} must be a whole number, got {value!r}") from error
    raise ConfigError(f"orientation knows no step {part!r}: use {_KNOWN}")
