"""Options that say how a scan file is read, the same for every command that reads one."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychoscope.cli.click_helpers import choice, option, option_group
from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Domain, Layout

if TYPE_CHECKING:
    from ptychoscope.scan import Scan

_HEADING = "Reading the scan"


class ScanOptions(NamedTuple):
    """How a scan file is read."""

    domain: Domain | None
    layout: Layout
    orientation: str
    frames: str

    def scan(self, path: Path) -> "Scan":
        """The frames asked for of the scan in `path`; raises `ScanError` or `ConfigError`."""
        chosen = parse_slice(self.frames)
        scan = self.whole_scan(path)
        return scan if chosen == slice(None) else scan.select(chosen)

    def whole_scan(self, path: Path) -> "Scan":
        """The scan in `path` with all its frames; raises `ScanError` or `ConfigError`."""
        from ptychoscope.io import load_scan
        from ptychoscope.preprocess.orientation import Orientation

        steps = Orientation.parse(self.orientation)
        return load_scan(path, layout=self.layout, domain=self.domain, orientation=steps)


scan_options = option_group(
    "reading",
    ScanOptions,
    [
        option(
            "--domain",
            type=choice(Domain),
            heading=_HEADING,
            about="What a pixel holds; without, as the file says.",
        ),
        option(
            "--layout",
            type=choice(Layout),
            default="auto",
            heading=_HEADING,
            about="Frames first or last; auto: by the number.",
        ),
        option(
            "--orientation",
            default="",
            show_default=False,
            heading=_HEADING,
            about="Steps such as patterns=rot90,swap_xy,flip_y,scale=0.5.",
        ),
        option(
            "--frames",
            default=":",
            heading=_HEADING,
            about="Frames START:STOP:STEP, such as 0::2.",
        ),
    ],
)
"""Adds the four options; the function gets them as `reading`."""


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
