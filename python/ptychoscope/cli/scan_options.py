"""Options that say how a scan file is read, the same for every command that reads one."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, PATH, option, option_group, word_option
from ptychoscope.option_literals import Domain, Layout, Match, Negative

if TYPE_CHECKING:
    from ptychoscope.io import ReadOptions
    from ptychoscope.scan import Scan

_HEADING, _NAMING = "Reading the scan", "Naming the parts of a scan"
_NONE = "none"


class ScanOptions(NamedTuple):
    """How a scan file is read."""

    patterns: str | None
    positions: str | None
    recipe: Path | None
    pixel_size_m: float | None
    energy_ev: float | None
    distance_m: float | None
    detector_pixel_m: float | None
    channel: str | None
    allow_outside: bool
    domain: Domain | None
    layout: Layout
    orientation: str
    frames: str
    match: Match | None
    scan_index: str | None
    crop: int | None
    center: str | None
    bin: int | None
    max_counts: float | None
    mask: str | None
    negative: Negative | None
    probe_file: str | None

    def scan(self, path: Path) -> "Scan":
        """The frames asked for of the scan in `path`; raises `ScanError` or `ConfigError`."""
        return self._load(path, self.frames)

    def whole_scan(self, path: Path) -> "Scan":
        """The scan in `path` with all its frames; raises `ScanError` or `ConfigError`."""
        return self._load(path, ":")

    def opened(self, path: Path) -> "Scan":
        """The same frames, whose patterns stay in their file where the format lets them."""
        from ptychoscope.io import open_scan
        from ptychoscope.preprocess.frame_selection import check_frames

        check_frames(self.frames)
        frames = None if self.frames == ":" else self.frames
        return open_scan(path, **self.read_options(path) | {"frames": frames})

    def _load(self, path: Path, frames: str) -> "Scan":
        from ptychoscope.io import load_scan
        from ptychoscope.preprocess.frame_selection import check_frames

        check_frames(self.frames)
        return load_scan(path, **self.read_options(path) | {"frames": None if frames == ":" else frames})

    def read_options(self, path: Path) -> "ReadOptions":
        """The options as `load_scan` takes them of the scan in `path`, but for the frames."""
        from ptychoscope.io.mask_and_probe_files import load_mask, load_probe
        from ptychoscope.preprocess.orientation import Orientation

        options: dict[str, Any] = {
            **{name: getattr(self, name) for name in _AS_THEY_ARE},
            "orientation": Orientation.parse(self.orientation) if self.orientation else None,
            "mask": None if self.mask is None else load_mask(self.mask, path),
            "probe": _NONE
            if self.probe_file == _NONE
            else None
            if self.probe_file is None
            else load_probe(self.probe_file, path),
        }
        return cast("ReadOptions", options)

    def said(self) -> dict[str, Any]:
        """What was said of the scan, by the names that a recipe knows; not which frames."""
        names = {"probe_file": "probe"}
        default = {"layout": "auto", "orientation": "", "allow_outside": False}
        said = self._asdict().items()
        return {
            names.get(name, name): value
            for name, value in said
            if name not in ("frames", "recipe", "scan_index") and value not in (None, default.get(name))
        }

    def files(self) -> list[tuple[str, Path]]:
        """The further files that are read, by the option that names them: none may be written over."""
        named = {
            "--mask": self.mask,
            "--probe-file": self.probe_file,
            "--patterns": self.patterns,
            "--positions": self.positions,
            "--recipe": self.recipe,
        }
        files = {name: str(file).rpartition(":/")[0] or str(file) for name, file in named.items() if file}
        return [(name, Path(file)) for name, file in files.items() if file != _NONE]


_AS_THEY_ARE = (
    *("patterns", "positions", "recipe", "pixel_size_m", "energy_ev", "distance_m", "detector_pixel_m"),
    *("channel", "allow_outside", "domain", "layout", "match", "scan_index", "crop", "center", "bin"),
    *("max_counts", "negative"),
)


def _number(name: str, about: str) -> Callable[[Any], Any]:
    return option(name, type=float, heading=_NAMING, about=about)


scan_options = option_group(
    "reading",
    ScanOptions,
    [
        option(
            "--patterns",
            heading=_NAMING,
            about="Data set of the patterns: FILE:/path, or /path in the scan's file (any HDF5).",
        ),
        option(
            "--positions",
            heading=_NAMING,
            about="FILE:/path, two with a comma (y first), or a CSV with columns such as index,y_um,x_um.",
        ),
        option(
            "--recipe",
            type=PATH,
            heading=_NAMING,
            about="TOML with any options of reading, for every scan of a session.",
        ),
        _number("--pixel-size-m", "Side of a pixel of the object."),
        _number(
            "--energy-ev", "Photon energy; with distance and detector pixel it gives the object's pixel."
        ),
        _number("--distance-m", "From the sample to the detector."),
        _number("--detector-pixel-m", "Side of a pixel of the detector."),
        option("--channel", heading=_NAMING, about="Of a detector with several thresholds the one to read."),
        option(
            "--allow-outside",
            is_flag=True,
            heading=_NAMING,
            about="Follow links of an HDF5 file out of its folder.",
        ),
        word_option("--domain", Domain, "What a pixel holds; without, as the file says.", heading=_HEADING),
        word_option(
            "--layout", Layout, "Frames first or last; auto: by the number.", default="auto", heading=_HEADING
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
        word_option(
            "--match",
            Match,
            "Patterns and positions that differ: keep the first or last of both, or pair by index.",
            heading=_HEADING,
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
            about="Keep CROP x CROP pixels about the zero frequency; probe, positions, pixel size follow.",
        ),
        option(
            "--center",
            heading=_HEADING,
            about="Y,X of the zero frequency on the detector, or auto: found. Without: the middle.",
        ),
        option(
            "--bin",
            type=AT_LEAST_ONE,
            heading=_HEADING,
            about="Sum BIN x BIN pixels into one, after the crop; the probe follows.",
        ),
        option(
            "--max-counts",
            type=float,
            heading=_HEADING,
            about="Pixels that reach it in any frame looked at are bad.",
        ),
        option(
            "--mask",
            heading=_HEADING,
            about="Bad pixels: a .npy, TIFF or FILE:/path, (H, W), true where bad; joined with the file's.",
        ),
        word_option(
            "--negative",
            Negative,
            "Values below 0: zero sets them to 0, unwrap adds 65536 (int16 that ran over).",
            heading=_HEADING,
        ),
        option(
            "--probe-file",
            heading=_HEADING,
            about="Probe: a .npy, a result or product, another scan, FILE:/path, or none for no probe.",
        ),
    ],
)
"""Adds the options; the function gets them as `reading`."""
