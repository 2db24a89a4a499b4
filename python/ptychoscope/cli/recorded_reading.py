"""How a scan was read and a result made is kept with it, and used again where it is judged by its scan."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from ptychoscope.cli.scan_options import ScanOptions
from ptychoscope.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan

_PREFIX = "read_"
_IN_RESULT = ("orientation", "probe_file")
_PLACES = ("mask", "patterns", "positions", "probe_file")
_MOVES = ("swap_xy", "flip_y", "flip_x", "scale")
_SAME_PX = 1e-3


class Judged(NamedTuple):
    """A scan, as the result that it judges was made from it."""

    scan: "Scan"
    saturation: float | None
    followed: dict[str, Any]
    """What was taken from the result's record, by the names of the options."""


def said(names: tuple[str, ...]) -> set[str]:
    """Which of the options `names` stand on the command line."""
    context = click.get_current_context()
    return {name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def reading_record(path: Path, reading: ScanOptions, saturation: float | None) -> dict[str, Any]:
    """Of a scan file, how it was read and by what command, for a result's provenance.

    Orientation and probe are left out: the result has them.
    """
    from ptychoscope.io.provenance import file_digest, made_how

    line = click.get_current_context().find_root().obj
    return {
        **made_how(line if isinstance(line, str) else None),
        "scan_file": path.name,
        "scan_sha256": file_digest(path),
        **asked_reading(reading, saturation),
    }


def asked_reading(reading: ScanOptions, saturation: float | None) -> dict[str, Any]:
    """What of it stands on the command line."""
    asked = {name: getattr(reading, name) for name in said(reading._fields) - set(_IN_RESULT)}
    asked = {name: _placed(name, value) for name, value in asked.items()}
    if saturation is not None:
        asked["saturation"] = saturation
    return {_PREFIX + name: value for name, value in sorted(asked.items())}


def with_full_paths(reading: ScanOptions) -> ScanOptions:
    """The same, whatever folder it is used in."""
    names = (*_PLACES, "recipe")
    placed = {name: _placed(name, value) for name in names if (value := getattr(reading, name)) is not None}
    if "recipe" in placed:
        placed["recipe"] = Path(placed["recipe"])
    return reading._replace(**placed)


def _placed(name: str, value: Any) -> Any:
    """A value of an option, files by their full path."""
    if isinstance(value, Path):
        return str(value.resolve())
    if name not in _PLACES:
        return value
    file, colon, inner = str(value).rpartition(":/")
    if colon:
        return f"{Path(file).resolve()}:/{inner}" if Path(file).exists() else value
    return str(Path(value).resolve()) if Path(value).exists() else value


def judged_scan(
    path: Path, result: "Reconstruction", reading: ScanOptions, saturation: float | None
) -> Judged:
    """The scan in `path`, read as it was for `result`; what is on the command line goes first.

    Domain, layout, frames, ... and the saturation follow the record where it is the same file. The
    orientation follows the result's steps, unless the scan's positions already are those of the result.
    Raises `ScanError` or `ConfigError`.
    """
    from ptychoscope.io.provenance import file_digest

    record, followed = result.provenance, {}
    asked = said((*reading._fields, "saturation"))
    if path.is_file() and record.get("scan_sha256") == file_digest(path):
        names = {name for name in (*reading._fields, "saturation") if _PREFIX + name in record}
        followed = {name: record[_PREFIX + name] for name in sorted(names - asked)}
    if "saturation" in followed:
        saturation = float(followed["saturation"])
    kept: dict[str, Any] = {name: value for name, value in followed.items() if name != "saturation"}
    if "recipe" in kept:
        kept["recipe"] = Path(kept["recipe"])
    scan = reading._replace(**kept).scan(path)
    if "orientation" in asked:
        return Judged(scan, saturation, followed)
    steps = _missing_steps(scan, result)
    if steps:
        scan = _oriented(scan, steps)
        followed["orientation"] = ",".join(_word(*step) for step in steps)
    return Judged(scan, saturation, followed)


def _missing_steps(scan: "Scan", result: "Reconstruction") -> list[list[Any]]:
    """The steps of `result` that `scan` lacks."""
    steps, done = (list(holder.orientation.get("steps", [])) for holder in (result, scan))
    missing = steps[len(done) :] if steps[: len(done)] == done else []
    moving = any(name in _MOVES for name, _ in missing)
    return [] if moving and _lies_on(scan.positions_px, result) else missing


def _lies_on(positions: "NDArray[np.float64]", result: "Reconstruction") -> bool:
    """Whether frames at `positions`, as they are, are those of `result`, in its order; it may have fewer."""
    import numpy as np

    own = result.positions_px if result.given_positions_px is None else result.given_positions_px
    if own.shape == positions.shape:
        return bool(np.abs(own - positions).max(initial=0) < _SAME_PX)
    rows = (np.rint(array / _SAME_PX).astype(np.int64).tolist() for array in (positions, own))
    there, wanted = (list(map(tuple, places)) for places in rows)
    frames = {place: frame for frame, place in enumerate(there)}
    found = [frames.get(place, -1) for place in wanted]
    return bool(found) and found[0] >= 0 and bool(np.all(np.diff(found) > 0))


def _oriented(scan: "Scan", steps: list[list[Any]]) -> "Scan":
    from ptychoscope.preprocess.orientation import Orientation

    for name, value in steps:
        try:
            scan = Orientation(**{name: value}).apply(scan)
        except TypeError as error:
            raise ConfigError(
                f"the result records an orientation step {name}={value}, which is unknown here: say the "
                "steps with --orientation"
            ) from error
    return scan


def _word(name: str, value: Any) -> str:
    return name if value is True else f"{name}={value}"
