"""Orientation: the named steps that bring a detector's and a stage's axes to [y, x], y down and x right.

The sample frame is the one in which the far field of `probe * object patch` at `positions_px` is the
pattern. The probe and the object of a scan are taken to be in it, unless a step says otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Operation, one_of
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


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """Steps, applied in the order of the fields; what was applied is recorded in `Scan.orientation`."""

    patterns: Operation = "none"
    """Symmetry applied to every pattern and to the bad pixels, about the zero frequency."""
    probe: Operation = "none"
    """The same for the probe, when it was made in the detector's frame."""
    swap_xy: bool = False
    """Exchange the two coordinates of every position."""
    flip_y: bool = False
    """Negate y."""
    flip_x: bool = False
    """Negate x."""
    scale: float = 1.0
    """Multiply both coordinates, after the flips (units, or a motor's calibration)."""

    def __post_init__(self) -> None:
        for name in ("patterns", "probe"):
            one_of(f"orientation {name}", getattr(self, name), Operation)
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ConfigError(
                f"orientation scale must be a positive number, got {self.scale}: to mirror, flip"
            )

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

    def apply(self, scan: Scan) -> Scan:
        """`scan` with these steps done and recorded. The object is left as it is."""
        if not self.steps:
            return scan
        nominal, mask, probe = scan.nominal_positions_px, scan.bad_pixels, scan.probe
        return replace(
            scan,
            patterns=apply_operation(scan.patterns, self.patterns),
            bad_pixels=None if mask is None else apply_operation(mask, self.patterns),
            probe=None if probe is None else apply_operation(probe, self.probe),
            positions_px=self._positions(scan.positions_px),
            nominal_positions_px=None if nominal is None else self._positions(nominal),
            orientation={"steps": [*scan.orientation.get("steps", []), *self.steps]},
        )

    def _positions(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = positions[:, ::-1] if self.swap_xy else positions
        sign = np.array([-1.0 if self.flip_y else 1.0, -1.0 if self.flip_x else 1.0])
        return np.ascontiguousarray(moved * sign * self.scale)


def _value(name: str, value: str, part: str) -> Any:
    if name in ("patterns", "probe"):
        return value
    if name in ("swap_xy", "flip_y", "flip_x") and not value:
        return True
    if name == "scale":
        try:
            return float(value)
        except ValueError as error:
            raise ConfigError(f"orientation scale must be a number, got {value!r}") from error
    raise ConfigError(
        f"orientation knows no step {part!r}: "
        "use patterns=NAME, probe=NAME, swap_xy, flip_y, flip_x, scale=NUMBER"
    )
