"""Options that say how a scan file is read, the same for every command that reads one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ptychoscope.errors import ConfigError

if TYPE_CHECKING:
    from ptychoscope.scan import Scan

_PANEL = "Reading the scan"

Domain = Annotated[
    Literal["counts", "amplitude"] | None,
    typer.Option("--domain", help="What a pixel holds; without, as the file says.", rich_help_panel=_PANEL),
]
Layout = Annotated[
    Literal["auto", "NHW", "HWN"],
    typer.Option("--layout", help="Frames first or last; auto: by the number.", rich_help_panel=_PANEL),
]
Steps = Annotated[
    str,
    typer.Option(
        "--orientation", help="Steps such as patterns=rot90,swap_xy,flip_y,scale=0.5.", rich_help_panel=_PANEL
    ),
]
Frames = Annotated[
    str, typer.Option("--frames", help="Frames START:STOP:STEP, such as 0::2.", rich_help_panel=_PANEL)
]


def read_scan(
    path: Path, *, domain: Domain, layout: Layout, orientation: Steps, frames: Frames = ":"
) -> "Scan":
    """The scan in `path`, read as the options say; raises `ScanError` or `ConfigError`."""
    from ptychoscope.io import load_scan
    from ptychoscope.orientation import Orientation

    steps, chosen = Orientation.parse(orientation), parse_slice(frames)
    scan = load_scan(path, layout=layout, domain=domain, orientation=steps)
    return scan if chosen == slice(None) else scan.select(chosen)


def parse_slice(text: str) -> slice:
    """`START:STOP:STEP`, each part a whole number or left out."""
    parts = text.split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
    except ValueError as error:
        raise ConfigError(f"--frames must be START:STOP:STEP in whole numbers, got {text!r}") from error
    if len(parts) not in (2, 3) or numbers[2:] == [0]:
        raise ConfigError(f"--frames must be START:STOP or START:STOP:STEP, the step not 0, got {text!r}")
    return slice(*numbers)
