"""SwmrOptions: which data sets of a growing file are followed, and when it has ended."""

from dataclasses import dataclass, fields
from typing import Any, Self

from ptychoscope.errors import ConfigError
from ptychoscope.live.check_source_options import check_names, number_between

_ADDRESS = "swmr:FILE:/path/of/the/frames, as swmr:scan.h5:/entry/data/data"


@dataclass(frozen=True, kw_only=True)
class SwmrOptions:
    """Raises `ConfigError` when a field has a value that it cannot have. Numbers may be text."""

    file: str
    frames_path: str
    """Of the data set (n, H, W) that grows along n."""
    series: int = 1
    """Number that the series is given."""
    positions: str | None = None
    """Path of positions (n, 2) as (y, x), or two paths of (n,), y and x, with a comma between them."""
    ready: str | None = None
    """Paths, with commas between them, of data sets whose row k is not 0 once frame k is complete."""
    end: str | None = None
    """Path of a number, or PATH@ATTRIBUTE of a data set: not 0 once no frame follows."""
    frames: int | None = None
    """How many frames there will be; None: as many as come."""
    idle: float = 30.0
    """Seconds without a frame after which a writer that has not closed the file counts as dead."""
    every: float = 0.01
    """Seconds between two looks at the file."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("positions", "ready", "end"):
            value = getattr(self, name)
            if value is not None and not all(path.startswith("/") and path[1:] for path in value.split(",")):
                raise ConfigError(f"{name} must be a path in the file, as /entry/{name}, got {value!r}")
        if self.positions is not None and self.positions.count(",") > 1:
            raise ConfigError(f"positions are one path of (n, 2), or two: y,x, got {self.positions!r}")
        for name, least, most in (("idle", 0.05, 1e6), ("every", 1e-3, 60.0)):
            object.__setattr__(self, name, number_between(name, getattr(self, name), least, most))
        if self.frames is not None:
            object.__setattr__(self, "frames", int(number_between("frames", self.frames, 1, 2**40)))
        object.__setattr__(self, "series", int(number_between("series", self.series, 0, 2**53)))

    @classmethod
    def of_address(cls, address: str, **options: Any) -> Self:
        """Options of ``FILE:/path`` and what was asked for beside it."""
        file, colon, path = address.rpartition(":/")
        if not colon or not file or not path:
            raise ConfigError(f"{address!r} names no data set of a file: give {_ADDRESS}")
        known = {each.name for each in fields(cls)} - {"file", "frames_path"}
        check_names(options, sorted(known), "a growing file")
        return cls(file=file, frames_path=f"/{path}", **options)
