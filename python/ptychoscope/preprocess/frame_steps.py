"""What is done to every frame of a detector, in one pass: window, mask, bins, orientation, root.

The steps are found once, on the first frames, and then frozen: files and streams are read by the same ones,
and a result records them. `csrc/include/ptychoscope/preprocess.h` defines what each does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ptychoscope._core import FramePreprocessor
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import Domain, Negative, Operation, ZeroFrequency, one_of
from ptychoscope.preprocess.frame_arrays import packed_mask, readable, unpacked_mask

_LONGEST_PX, _LARGEST_BIN, _FARTHEST_PX = 65536, 128, 2**20
# transposed, then mirrored in y, then in x: as apply_operation does
_SYMMETRIES: dict[Operation, tuple[bool, bool, bool]] = {
    "none": (False, False, False),
    "transpose": (True, False, False),
    "flip_y": (False, True, False),
    "flip_x": (False, False, True),
    "rot180": (False, True, True),
    "rot90": (True, True, False),
    "rot270": (True, False, True),
    "antitranspose": (True, True, True),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameSteps:
    """Steps in the order of the fields; the defaults leave a square frame as it is, as float32.

    Raises `ConfigError` when a field has a value that it cannot have.
    """

    detector_px: tuple[int, int]
    """(height, width) of the frames."""
    zero_frequency: ZeroFrequency = "centre"
    """`corner`: it lies at [0, 0] and is moved to [height // 2, width // 2], cyclically, with the mask."""
    negative: Negative | None = None
    """Values below 0 are unmeasured (None), set to 0, or 65536 is added; what is negative still is
    unmeasured."""
    mask: NDArray[np.bool_] | None = None
    """(height, width) bool, True where a pixel of the frame is unmeasured."""
    threshold: float | None = None
    """Values at or above it are unmeasured."""
    all_ones: bool = False
    """The largest value of an unsigned type is unmeasured, of uint32 the one before it too."""
    domain: Domain = "counts"
    """What the frames hold."""
    side_px: int | None = None
    """Side of the window, a multiple of `bin`; what lies outside the frame is unmeasured. None: the largest
    that fits, about the middle."""
    corner_px: tuple[int, int] | None = None
    """(y, x) of the window's first pixel; None: the middle of the frame becomes that of the pattern."""
    bin: int = 1
    """bin x bin pixels are added up, as counts. Where g of them are measured, their sum is multiplied by
    bin^2 / g; where more than half are unmeasured, so is the sum."""
    operation: Operation = "none"
    """A symmetry of the square about index P // 2, as `apply_operation` does it."""
    factor: float = 1.0
    """What counts are multiplied by: photons in a count."""
    output: Domain | None = None
    """What a pattern holds; None: what the frames do."""

    def __post_init__(self) -> None:
        """Check every field and fill in the window."""
        for name, value, literal in (
            ("zero_frequency", self.zero_frequency, ZeroFrequency),
            ("negative", self.negative or "zero", Negative),
            ("domain", self.domain, Domain),
            ("operation", self.operation, Operation),
            ("output", self.output or self.domain, Domain),
        ):
            one_of(name, value, literal)
        height, width = _pair("detector_px", self.detector_px, 1, _LONGEST_PX)
        _set(self, "detector_px", (height, width))
        _set(self, "bin", _whole("bin", self.bin, 1, _LARGEST_BIN))
        _set(self, "side_px", self._side())
        if self.corner_px is None:
            _set(self, "corner_px", self._corner())
        _set(self, "corner_px", _pair("corner_px", self.corner_px, -_FARTHEST_PX, _FARTHEST_PX))
        for name in ("threshold", "factor"):
            value = getattr(self, name)
            if value is not None and not (0 < value < math.inf):
                raise ConfigError(f"{name} must be a positive number, got {value}")
        if self.mask is not None:
            mask = np.array(self.mask, order="C")
            if mask.dtype != np.bool_ or mask.shape != self.detector_px:
                raise ConfigError(
                    f"mask must be {self.detector_px} bool, as the frames are, got {mask.shape} {mask.dtype}"
                )
            mask.flags.writeable = False
            _set(self, "mask", mask)

    @classmethod
    def about(cls, centre_px: tuple[float, float], side_px: int, **steps: Any) -> Self:
        """Steps whose window brings `centre_px`, (y, x), as near as it can to the middle of the pattern.

        `steps` are the other fields. The middle of a bin of b pixels lies (b - 1) / 2 from its first.
        """
        b = _whole("bin", steps.get("bin", 1), 1, _LARGEST_BIN)
        if not all(math.isfinite(c) and abs(c) < _FARTHEST_PX / 2 for c in centre_px):
            raise ConfigError(f"the centre must be a pixel of the detector, got {centre_px}")
        corner = tuple(
            _first_pixel(float(c), _whole("side_px", side_px, 1, _LONGEST_PX), b) for c in centre_px
        )
        return cls(side_px=side_px, corner_px=(corner[0], corner[1]), **steps)

    @property
    def out_side(self) -> int:
        """P, the side of a pattern in pixels."""
        return self.window_px // self.bin

    @property
    def window_px(self) -> int:
        """Side of the window in pixels of the detector."""
        return int(self.side_px or 0)

    @property
    def out_domain(self) -> Domain:
        """What a pattern holds."""
        return self.output or self.domain

    def apply(
        self, frames: NDArray[Any], *, threads: int = 1, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Patterns (k, P, P) float32 of frames (k, height, width), -1 where a pixel is unmeasured.

        Parameters
        ----------
        frames
            uint8, uint16, uint32, int32 or float32 are read as they are; int8, int16, float16 and float64
            are brought to int32 or float32 first, and integers of 64 bits to 32 where they fit.
        threads
            That share the frames; 1 to 256.
        out
            (k, P, P) float32, contiguous, to write to.

        Raises
        ------
        ScanError
            The frames have another size or type than they may.
        """
        if frames.ndim != 3 or frames.shape[1:] != self.detector_px:
            raise ScanError(
                f"frames must be (k, {self.detector_px[0]}, {self.detector_px[1]}), got {frames.shape}"
            )
        frames = np.require(readable(frames), requirements=["C", "A"])
        if out is None:
            out = np.empty((len(frames), self.out_side, self.out_side), np.float32)
        if threads == 1:
            self._made.apply(frames, out)
        else:
            self._make(threads).apply(frames, out)
        return out

    def unmeasured(self) -> NDArray[np.bool_]:
        """(P, P) True where no pattern is measured: by the mask, or outside the frame."""
        nothing = np.zeros((1, *self.detector_px), np.uint8)
        return np.asarray(self.apply(nothing)[0] < 0)

    def record(self) -> dict[str, Any]:
        """The steps as JSON can hold them: what `from_record` reads. Defaults are left out."""
        default = FrameSteps(detector_px=self.detector_px)
        kept: dict[str, Any] = {"detector_px": list(self.detector_px)}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name in ("detector_px", "mask") or value == getattr(default, name):
                continue
            kept[name] = list(value) if isinstance(value, tuple) else value
        kept["side_px"], kept["corner_px"] = self.window_px, list(self.corner_px or ())
        if self.mask is not None:
            kept["mask"] = packed_mask(self.mask)
        return kept

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Steps from what `record` made; raises `ConfigError` for anything else."""
        unknown = [name for name in record if name not in cls.__dataclass_fields__]
        if unknown or "detector_px" not in record:
            what = f"unknown {', '.join(map(str, unknown))}" if unknown else "detector_px is missing"
            raise ConfigError(f"these are no recorded steps of frames ({what}): give what record() made")
        fields = dict(record)
        for name in ("detector_px", "corner_px"):
            if isinstance(fields.get(name), list):
                fields[name] = tuple(fields[name])
        if fields.get("mask") is not None:
            fields["mask"] = unpacked_mask(
                fields["mask"], _pair("detector_px", fields["detector_px"], 1, _LONGEST_PX)
            )
        try:
            return cls(**fields)
        except TypeError as error:
            raise ConfigError(f"recorded steps of frames hold a value of the wrong type ({error})") from error

    @cached_property
    def _made(self) -> FramePreprocessor:
        return self._make(1)

    def _make(self, threads: int) -> FramePreprocessor:
        transpose, flip_y, flip_x = _SYMMETRIES[self.operation]
        y, x = self.corner_px or (0, 0)
        return FramePreprocessor(
            detector=self.detector_px,
            corner=(y, x),
            side=self.out_side,
            bin=self.bin,
            mask=self.mask,
            threshold=self.threshold or 0.0,
            all_ones=self.all_ones,
            negative=self.negative or "unmeasured",
            corner_origin=self.zero_frequency == "corner",
            transpose=transpose,
            flip_y=flip_y,
            flip_x=flip_x,
            amplitudes_in=self.domain == "amplitude",
            amplitudes_out=self.out_domain == "amplitude",
            factor=float(self.factor),
            threads=threads,
        )

    def _side(self) -> int:
        shorter = min(self.detector_px)
        if self.side_px is None:
            if self.bin > shorter:
                raise ConfigError(f"bin must be at most {shorter} for {self.detector_px} px, got {self.bin}")
            return shorter // self.bin * self.bin
        side = _whole("side_px", self.side_px, 1, _LONGEST_PX)
        if side % self.bin:
            fits = max(self.bin, side // self.bin * self.bin)
            raise ConfigError(f"side_px must be a multiple of bin={self.bin}, got {side}: {fits} is one")
        return side

    def _corner(self) -> tuple[int, int]:
        """About the middle of the frame, moved into it where the window fits."""
        height, width = self.detector_px

        def first(size: int) -> int:
            corner = _first_pixel(size // 2, self.window_px, self.bin)
            return min(max(corner, 0), size - self.window_px) if self.window_px <= size else corner

        return first(height), first(width)


def _first_pixel(centre: float, side: int, b: int) -> int:
    """First pixel of a window of `side` whose middle bin lies nearest about `centre`."""
    return math.ceil(centre - side // b // 2 * b - (b - 1) / 2 - 0.5)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
    return int(value)


def _pair(name: str, value: Any, least: int, most: int) -> tuple[int, int]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise ConfigError(f"{name} must be two whole numbers (y, x), got {value!r}")
    return _whole(name, value[0], least, most), _whole(name, value[1], least, most)


def _set(steps: FrameSteps, name: str, value: Any) -> None:
    object.__setattr__(steps, name, value)
