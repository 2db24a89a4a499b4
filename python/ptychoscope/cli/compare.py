"""`ptychoscope compare`: how good an image is, against a truth or another image."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.cli.click_helpers import argument, command, option
from ptychoscope.cli.console import json_option, number, print_json, print_table
from ptychoscope.errors import ConfigError, ScanError

if TYPE_CHECKING:
    from ptychoscope.metrics import Comparison


@command()
@argument("image", "Result to score (.h5).")
@argument("truth", "Scan that holds the true object (.npz), or another result (.h5).")
@option("--rows", about="Object pixels A:B along y to score (px).")
@option("--columns", about="Object pixels A:B along x to score (px).")
@option(
    "--min-coverage",
    default=0.5,
    about="Least coverage of the scored rectangle, as a fraction of the median.",
)
@option("--register", is_flag=True, about="Move the image onto the truth; else the shift is only reported.")
@option("--remove-ramp", is_flag=True, about="Remove a linear phase between both.")
@option(
    "--diffraction",
    is_flag=True,
    about="Also R-factor and Poisson deviance of the predicted diffraction (scan as truth).",
)
@json_option
def compare(
    image: Path,
    truth: Path,
    rows: str | None,
    columns: str | None,
    min_coverage: float,
    register: bool,
    remove_ramp: bool,
    diffraction: bool,
    as_json: bool,
) -> None:
    """Score a result: SSIM, PSNR, phase error, resolution (FRC).

    Both are brought into one frame by their origins, cut to the largest well-covered rectangle, and the image
    is multiplied by the one complex factor that brings it closest to the truth.
    """
    from ptychoscope.io import load_reconstruction
    from ptychoscope.metrics import compare as compare_images
    from ptychoscope.metrics import diffraction_deviance, diffraction_r_factor

    result = load_reconstruction(image)
    object_, origin, scan = _truth(truth)
    comparison = compare_images(
        result,
        object_,
        truth_origin_px=origin,
        rows=_span("--rows", rows),
        columns=_span("--columns", columns),
        min_coverage=min_coverage,
        register=register,
        ramp=remove_ramp,
    )
    figures = comparison.figures()
    if diffraction:
        if scan is None:
            raise ConfigError(
                f"--diffraction needs a scan, and {truth} is a result: give the .npz with the patterns"
            )
        figures["r_factor"] = diffraction_r_factor(result, scan)
        figures["deviance"] = diffraction_deviance(result, scan)
    if as_json:
        print_json(figures)
    else:
        _print(comparison, figures, str(image), str(truth))


def _truth(path: Path) -> tuple[Any, tuple[int, int], Any]:
    """Object, origin and scan (None for a result) of the file to compare with."""
    from ptychoscope.io import first_bytes, load_reconstruction, load_scan
    from ptychoscope.io.ptychodus import MAGIC

    if first_bytes(path).startswith(MAGIC):
        other = load_reconstruction(path)
        return other.object, other.origin_px, None
    scan = load_scan(path)
    if scan.object is None:
        raise ScanError(
            f"{path} holds no object (objectGuess) to compare with: give a simulated scan or a result"
        )
    return scan.object, (0, 0), scan


def _span(option: str, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, end = text.partition(":")
    try:
        span = int(first), int(end)
    except ValueError as error:
        raise ConfigError(f"{option} must be A:B in whole pixels, got {text!r}") from error
    if span[0] >= span[1]:
        raise ConfigError(f"{option} must be A:B with A below B, got {text!r}")
    return span


def _print(comparison: "Comparison", figures: dict[str, Any], image: str, truth: str) -> None:
    score = comparison.score
    print_table(
        f"{image} against {truth}",
        [
            (
                "amplitude",
                number(score.amplitude_ssim),
                number(score.amplitude_psnr_db, 1),
                number(score.amplitude_frc50),
            ),
            ("phase", number(score.phase_ssim), number(score.phase_psnr_db, 1), number(score.phase_frc50)),
            ("complex", "", "", f"{number(score.frc50)} (half-bit {number(score.frc_half_bit)})"),
        ],
        ("", "SSIM", "PSNR (dB)", "FRC 1/2 (of Nyquist)"),
    )
    y, x = comparison.shift_px
    lines = [
        ("nrmse", number(score.nrmse, 4)),
        ("phase error (mean, rad)", number(score.phase_mae_rad, 4)),
        ("R-factor", number(figures["r_factor"], 4)) if "r_factor" in figures else None,
        ("Poisson deviance per pixel", number(figures["deviance"])) if "deviance" in figures else None,
        (
            "rows, columns (px)",
            f"{comparison.rows[0]}:{comparison.rows[1]}, {comparison.columns[0]}:{comparison.columns[1]}",
        ),
        ("shift y, x (px)", f"{y:+.2f}, {x:+.2f}" + (" (removed)" if comparison.registered else "")),
    ]
    print_table("", [line for line in lines if line is not None])
