"""LiveSettings: how a running scan is read and made into an image; a value that a capture records."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import LiveKeep, PositionUnit, one_of
from ptychoscope.preprocess.orientation import Orientation

_ARRAYS = ("probe", "mask", "given_positions")


@dataclass(frozen=True, eq=False, kw_only=True)
class LiveSettings:
    """Raises `ConfigError` when a field has a value that it cannot have."""

    probe: NDArray[np.complex64] | None = None
    """(m, P, P), on the pixels of the detector as they come, or as they are after crop and bin."""
    mask: NDArray[np.bool_] | None = None
    """(H, W), True where the detector says nothing, besides what its header masks."""
    given_positions: NDArray[np.float64] | None = None
    """(n, 2) positions by number, where no stream brings them."""
    position_unit: PositionUnit = "m"
    pixel_size_m: float | None = None
    """Side of an object pixel of the whole detector; None: by the three that follow."""
    energy_ev: float | None = None
    """None, as the next two: as the stream's header says."""
    distance_m: float | None = None
    detector_pixel_m: float | None = None
    orientation: str = ""
    """Steps, as `--orientation` takes them."""
    crop: int | None = None
    center: str | None = None
    """`Y,X`, or `auto`; None: the middle."""
    bin: int | None = None
    max_counts: float | None = None
    model: str | None = None
    """Folder of the bundle."""
    model_digest: str | None = None
    batch: int | None = None
    """Frames that are always placed together, but for the last; None: as the rate asks."""
    most_batch: int = 256
    keep: LiveKeep = "all"
    """When the loop is behind: `all` lets the sources wait, `newest` drops the frames that waited longest."""
    window_frames: int = 64
    """Frames that each batch sweeps once; 0: no sweeps, the network alone."""
    closing_sweeps: int = 3
    threads: int = 1
    seed: int = 0
    queue_frames: int = 4096
    queue_bytes: int = 1 << 30
    kept_bytes: int = 512 << 20
    """Of patterns that are kept, so that a mend can place them anew."""
    most_bytes: int = 1 << 32
    """Of the image."""
    idle_s: float = 60.0
    """A series of which nothing has come for so long has ended."""
    solver_bytes: int = 512 << 20
    """Of frames that the solver holds in memory until the series is done; more lie in a file in `scratch`."""
    scratch: str | None = None
    """Its folder; None: there is no file, and all are held in memory."""

    def __post_init__(self) -> None:
        """Check what is not checked by those who use it."""
        for name, least in (
            ("window_frames", 0), ("closing_sweeps", 0), ("threads", 1), ("most_batch", 1),
            ("queue_frames", 1), ("queue_bytes", 1), ("kept_bytes", 0), ("solver_bytes", 0),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.batch is not None and not 1 <= self.batch <= self.queue_frames:
            raise ConfigError(f"batch must be from 1 to {self.queue_frames} frames, got {self.batch}")
        if not 0 < self.idle_s < float("inf"):
            raise ConfigError(f"idle_s must be a positive number of seconds, got {self.idle_s}")
        one_of("keep", self.keep, LiveKeep)
        one_of("position_unit", self.position_unit, PositionUnit)
        if self.model is None and not self.window_frames:
            raise ConfigError("nothing to do: --window 0 without a network; leave it out, or give --model")
        for name in ("shift_frames", "roll_y", "roll_x"):
            if getattr(self.steps, name):
                raise ConfigError(
                    f"orientation {name} is not for a running scan: --center moves the window, and a lost "
                    "trigger shows in a file"
                )

    @property
    def steps(self) -> Orientation:
        """The orientation, parsed."""
        return Orientation.parse(self.orientation)

    @property
    def solver_alone(self) -> bool:
        """No network: the solver begins with an empty object."""
        return self.model is None

    def with_model(self, bundle: Path, digest: str) -> Self:
        """The same with another model."""
        return replace(self, model=str(bundle), model_digest=digest)

    def record(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Plain JSON, and the arrays by name: what `from_record` reads."""
        arrays = {name: getattr(self, name) for name in _ARRAYS if getattr(self, name) is not None}
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _ARRAYS}
        return plain, arrays

    @classmethod
    def from_record(cls, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Settings from what `record` made; raises `ScanError` for anything else."""
        try:
            given: dict[str, Any] = {name: value for name, value in arrays.items() if name in _ARRAYS}
            return cls(**plain, **given)
        except (TypeError, ValueError) as error:
            raise ScanError(f"these are no settings of a live run ({error})") from error
