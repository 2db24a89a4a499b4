"""pty-chi, to compare with: its images and its stitching speed, from an environment of its own.

It runs in another process, by an interpreter that has it installed (`--peer PYTHON`), on one thread. What it
does there is `peer_ptychi_script`.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent, nearest_pixel, patch_corner
from ptychoscope.preprocess.probe_intensity import matched_probe, probe_intensity
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan

_SCRIPT = Path(__file__).with_name("peer_ptychi_script.py")
_MARGIN_PX = 8


class PeerImage(NamedTuple):
    """What LSQML reached."""

    epochs: int
    cpu_s: float
    """CPU seconds of the epochs; set-up is not counted."""
    image: Reconstruction


def lsqml_images(
    scans: Sequence[Scan], python: Path, epochs: Sequence[int], *, interpolation: str = "fourier"
) -> list[list[PeerImage]]:
    """For every scan the image after each number of epochs, one scan after the other in one process.

    Raises `ConfigError` when the interpreter `python` cannot run pty-chi.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["solve", interpolation, ",".join(map(str, epochs))]
        outputs = []
        for k, scan in enumerate(scans):
            given, found = Path(folder, f"scan{k}.npz"), Path(folder, f"found{k}.npz")
            extent = peer_extent(scan)
            np.savez(
                given,
                counts=scan.counts(),
                positions=extent.to_canvas(scan.positions_px),
                probe=matched_probe(scan),
                shape=np.array(extent.shape),
            )
            arguments += [str(given), str(found)]
            outputs.append(found)
        run_script(python, _SCRIPT, arguments)
        return [peer_images(scan, path) for scan, path in zip(scans, outputs, strict=True)]


def stitch_seconds(
    python: Path,
    patches: NDArray[np.complex64],
    window: NDArray[np.float32],
    positions: NDArray[np.float64],
    canvas_px: int,
    rounds: int,
) -> dict[str, float]:
    """Median CPU seconds of pty-chi's place_patches_* by their names.

    Raises `ConfigError` when the interpreter `python` cannot run pty-chi.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
        np.savez(given, patches=patches, window=window, positions=positions)
        run_script(python, _SCRIPT, ["stitch", str(given), str(found), str(canvas_px), str(rounds)])
        with np.load(found, allow_pickle=False) as file:
            return {f"pty-chi {name}": float(file[name]) for name in file.files}


def run_script(python: Path, script: Path, arguments: Sequence[str]) -> None:
    """Run `script` by pty-chi's interpreter; raises `ConfigError` when it cannot."""
    command = [str(python), str(script), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConfigError(f"--peer {python} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise ConfigError(f"{python} could not run pty-chi: {done.stderr.strip()[-400:]}")


def peer_extent(scan: Scan) -> CanvasExtent:
    """The object that pty-chi is given: room for moved positions around the patches."""
    return canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=_MARGIN_PX)


def peer_images(scan: Scan, path: Path) -> list[PeerImage]:
    """The images that a script wrote to `path`, each with its coverage."""
    with np.load(path, allow_pickle=False) as file:
        epochs, objects, spent = file["epochs"], file["objects"], file["cpu_s"]
    extent = peer_extent(scan)
    coverage = _coverage(scan, extent)
    images = [
        Reconstruction(
            object=np.where(coverage > 0, image, 0),
            coverage=coverage,
            spread=np.zeros_like(coverage),
            origin_px=extent.origin_px,
            pixel_size_m=scan.pixel_size_m,
            positions_px=scan.positions_px,
        )
        for image in objects
    ]
    return [PeerImage(int(n), float(s), image) for n, s, image in zip(epochs, spent, images, strict=True)]


def _coverage(scan: Scan, extent: CanvasExtent) -> NDArray[np.float32]:
    """Sum of |P|^2 at whole pixels: the same area is scored for everybody."""
    intensity, side = probe_intensity(matched_probe(scan)), scan.patch_px
    coverage = np.zeros(extent.shape, np.float32)
    corners = patch_corner(nearest_pixel(scan.positions_px), (side, side))
    for y, x in extent.to_canvas(corners).astype(np.intp):
        coverage[y : y + side, x : x + side] += intensity
    return coverage
