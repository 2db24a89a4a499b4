"""Options that say how a scan file is read, the same for every command that reads one."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, PATH, choice, option, option_group
from ptychoscope.option_literals import Domain, Layout, Match, Negative

if TYPE_CHECKING:
    from ptychoscope.io import ReadOptions
    from ptychoscope.scan import Scan

_HEADING = "Reading the scan"
_NONE = "none"


class ScanOptions(NamedTuple):
    """How a scan file is read."""

    domain: Domain | None
    layout: Layout
    orientation: str
    frames: str
    match: Match | None
    scan_index: str | None
    crop: int | None
    mask: Path | None
    negative: Negative | None
    probe_file: str | None

    def scan(self, path: Path) -> "Scan":
        """The frames asked for of the scan in `path`; raises `ScanError` or `ConfigError`."""
        return self._load(path, self.frames)

    def whole_scan(self, path: Path) -> "Scan":
        """The scan in `path` with all its frames; raises `ScanError` or `ConfigError`."""
        return self._load(path, ":")

    def _load(self, path: Path, frames: str) -> "Scan":
        from ptychoscope.io import load_scan
        from ptychoscope.preprocess.frame_selection import check_frames

        check_frames(self.frames)
        return load_scan(path, **self.read_options() | {"frames": None if frames == ":" else frames})

    def read_options(self) -> "ReadOptions":
        """The options as `load_scan` takes them, but for the frames."""
        from ptychoscope.io.companions import load_mask, load_probe
        from ptychoscope.preprocess.orientation import Orientation

        return {
            "domain": self.domain,
            "layout": self.layout,
            "orientation": Orientation.parse(self.orientation) if self.orientation else None,
            "match": self.match,
            "scan_index": self.scan_index,
            "crop": self.crop,
            "mask": None if self.mask is None else load_mask(self.mask),
            "negative": self.negative,
            "probe": _NONE
            if self.probe_file == _NONE
            else None
            if self.probe_file is None
            else load_probe(Path(self.probe_file)),
        }

    def files(self) -> list[tuple[str, Path]]:
        """The further files that are read, by the option that names them: none may be written over."""
        named = [("--mask", self.mask), ("--probe-file", self.probe_file)]
        return [
            (name, Path(str(file).partition(":/")[0]))
            for name, file in named
            if file is not None and file != _NONE
        ]


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
            about="Frames START:STOP:STEP or numbers, several with commas, such as 0::2 or :7,8:.",
        ),
        option(
            "--match",
            type=choice(Match),
            heading=_HEADING,
            about="Where patterns and positions differ in number: keep the first or the last of both.",
        ),
        option(
            "--scan-index",
            heading=_HEADING,
            about="Of several scans in the file the one with this scan_index; all: as a single scan.",
        ),
        option(
            "--crop",
            type=AT_LEAST_ONE,
            heading=_HEADING,
            about="Keep the middle CROP x CROP pixels; probe, positions and pixel size follow.",
        ),
        option(
            "--mask",
            type=PATH,
            heading=_HEADING,
            about="Bad pixels: a .npy, TIFF or FILE:/path, (H, W), true where bad; joined with the file's.",
        ),
        option(
            "--negative",
            type=choice(Negative),
            heading=_HEADING,
            about="Values below 0: zero sets them to 0, unwrap adds 65536 (int16 that ran over).",
        ),
        option(
            "--probe-file",
            heading=_HEADING,
            about="Probe: a .npy, a result or product, another scan, FILE:/path, or none for no probe.",
        ),
    ],
)
"""Adds the options; the function gets them as `reading`."""
