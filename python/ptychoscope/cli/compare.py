"""`ptychoscope compare`: how good an image is, against a truth or another image."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptychoscope.cli.click_helpers import argument, command, option
from ptychoscope.cli.recorded_reading import Judged, judged_scan, said
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import json_option, number, print_json, print_table
from ptychoscope.errors import ConfigError, ScanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ptychoscope.metrics import Comparison
    from ptychoscope.reconstruction import Reconstruction


class _Shown(NamedTuple):
    """What there is to print: of the images, of the diffraction, or of both."""

    images: "Comparison | None"
    figures: dict[str, Any]


@command()
@argument("image", "Result to score (.h5).")
@argument("truth", "Scan (.npz) with its true object or its frames, or another result (.h5).")
@option("--rows", about="Object pixels A:B along y to score (px).")
@option("--columns", about="Object pixels A:B along x to score (px).")
@option(
    "--min-coverage",
    default=0.5,
    about="Least coverage of a pixel that is scored, as a fraction of the median.",
)
@option("--register", is_flag=True, about="Move the image onto the truth; else the shift is only reported.")
@option("--remove-ramp", is_flag=True, about="Remove a linear phase between both.")
@option(
    "--diffraction",
    is_flag=True,
    about="R-factor and Poisson deviance of the predicted diffraction (scan as truth, needs no object).",
)
@option("--saturation", type=float, about="Pixels at or above it are unmeasured; without, as in `run`.")
@scan_options
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
    saturation: float | None,
    reading: ScanOptions,
    as_json: bool,
) -> None:
    """Score a result: SSIM, PSNR, phase error, resolution (FRC).

    Both are brought into one frame by their origins, cut to the pixels that are well covered, and the image
    is multiplied by the one complex factor that brings it closest to the truth. A scan is read as the result
    records that it was, unless the options say otherwise.
    """
    from ptychoscope.io import load_reconstruction

    result = load_reconstruction(image)
    other, judged = _truth(truth, result, reading, saturation, diffraction=diffraction)
    choices = {
        "rows": _span("--rows", rows),
        "columns": _span("--columns", columns),
        "min_coverage": min_coverage,
        "register": register,
        "ramp": remove_ramp,
    }
    shown = _figures(result, other, judged if diffraction else None, choices)
    if as_json:
        print_json(shown.figures)
    else:
        _print(shown, f"{image} against {truth}")


def _truth(
    path: Path,
    result: "Reconstruction",
    reading: ScanOptions,
    saturation: float | None,
    *,
    diffraction: bool,
) -> "tuple[Reconstruction | NDArray[Any] | None, Judged | None]":
    """What the image is compared with (None: nothing but frames), and the scan (None for a result)."""
    from ptychoscope.io import load_reconstruction
    from ptychoscope.io.results.formats import is_result

    if is_result(path):
        asked = sorted(said((*reading._fields, "saturation")))
        if diffraction or asked:
            option_ = "--diffraction" if diffraction else f"--{asked[0]}"
            raise ConfigError(
                f"{option_} needs a scan, and {path} is a result: give the file with the patterns"
            )
        return load_reconstruction(path), None
    judged = judged_scan(path, result, reading, saturation)
    if judged.scan.object is not None:
        return judged.scan.object, judged
    image_options = sorted(said(("rows", "columns", "min_coverage", "register", "remove_ramp")))
    if diffraction and not image_options:
        return None, judged
    what = f"--{image_options[0].replace('_', '-')} needs one" if image_options else "nothing to compare with"
    raise ScanError(
        f"{path} holds no object (objectGuess): {what}. Score by the measured frames alone (--diffraction), "
        "or give a simulated scan or a result"
    )


def _figures(
    result: "Reconstruction",
    other: "Reconstruction | NDArray[Any] | None",
    judged: "Judged | None",
    choices: dict[str, Any],
) -> _Shown:
    from ptychoscope.metrics import compare as compare_images
    from ptychoscope.metrics import diffraction_deviance, diffraction_r_factor

    images = None if other is None else compare_images(result, other, **choices)
    figures = {} if images is None else images.figures()
    if judged is not None:
        scan, saturation, followed = judged
        figures["r_factor"] = diffraction_r_factor(result, scan, saturation=saturation)
        figures["deviance"] = diffraction_deviance(result, scan, saturation=saturation)
        figures["frames"] = len(scan)
        figures["read_as_recorded"] = followed
    return _Shown(images, figures)


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


def _print(shown: _Shown, title: str) -> None:
    lines: list[tuple[str, str]] = []
    if shown.images is not None:
        _print_scores(shown.images, title)
        lines, title = _image_lines(shown.images), ""
    figures = shown.figures
    if "deviance" in figures:
        lines += [
            ("R-factor", number(figures["r_factor"], 4)),
            ("Poisson deviance per pixel", number(figures["deviance"])),
            ("frames", str(figures["frames"])),
        ]
        read = " ".join(f"--{name} {value}" for name, value in figures["read_as_recorded"].items())
        lines += [("read as the result records", read)] if read else []
    print_table(title, lines)


def _print_scores(comparison: "Comparison", title: str) -> None:
    score = comparison.score
    whole = f"{number(score.frc50)} (half-bit {number(score.frc_half_bit)})"
    amplitude = score.amplitude_ssim, score.amplitude_psnr_db, score.amplitude_frc50
    phase = score.phase_ssim, score.phase_psnr_db, score.phase_frc50
    print_table(
        title,
        [
            ("amplitude", number(amplitude[0]), number(amplitude[1], 1), number(amplitude[2])),
            ("phase", number(phase[0]), number(phase[1], 1), number(phase[2])),
            ("complex", "", "", whole),
        ],
        ("", "SSIM", "PSNR (dB)", "FRC 1/2 (of Nyquist)"),
    )


def _image_lines(comparison: "Comparison") -> list[tuple[str, str]]:
    score, nm = comparison.score, comparison.resolution_nm()
    (top, bottom), (left, right), (y, x) = comparison.rows, comparison.columns, comparison.shift_px
    half, half_bit = (number(nm.get(f"{name}_half_period_nm"), 1) for name in ("frc50", "frc_half_bit"))
    return [
        ("nrmse", number(score.nrmse, 4)),
        ("phase error (mean, rad)", number(score.phase_mae_rad, 4)),
        *([("FRC 1/2, half period (nm)", f"{half} (half-bit {half_bit})")] if nm else []),
        ("area (px)", f"{comparison.area_px} in rows {top}:{bottom}, columns {left}:{right}"),
        ("shift y, x (px)", f"{y:+.2f}, {x:+.2f}" + (" (removed)" if comparison.registered else "")),
    ]
