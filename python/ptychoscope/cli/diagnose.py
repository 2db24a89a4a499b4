"""`ptychoscope diagnose`: what is wrong with a scan, and the option that mends it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptychoscope.cli.click_helpers import PATH, argument, command, option
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import json_option, print_json, print_table

if TYPE_CHECKING:
    from ptychoscope.diagnosis import Diagnosis

_SHOWN = 8


@command()
@argument("scan", "Scan to look into (.npz).")
@option("--picture", type=PATH, about="Draw as given and the best few side by side (.png).")
@option("--mended", type=PATH, about="Write the scan as it is after the mend (.npz).")
@option("--save-mask", type=PATH, about="Write the bad pixels that no mask names (.npy), for --mask.")
@option("--seed", default=0, about="Of the pixels that are held back.")
@scan_options
@json_option
def diagnose(
    scan: Path,
    picture: Path | None,
    mended: Path | None,
    save_mask: Path | None,
    seed: int,
    reading: ScanOptions,
    as_json: bool,
) -> None:
    """Try on a scan what people get wrong, and say what explains it best.

    Turned or mirrored patterns, positions and probe, swapped axes, the zero frequency in the corner, counts
    against amplitude, scale, unit and rotation of the positions, frames shifted against them, focus and size
    of the probe, bad pixels. Judged by pixels that were held back from the sweeps.
    """
    from ptychoscope.cli.output_checks import check_outputs, check_picture
    from ptychoscope.diagnosis import diagnose as diagnose_scan
    from ptychoscope.io import save_scan
    from ptychoscope.io.atomic import check_file
    from ptychoscope.viz.diagnosis import save_diagnosis_picture

    outputs = [("--picture", picture), ("--mended", mended), ("--save-mask", save_mask)]
    check_outputs([("the scan", scan), *reading.files()], outputs)
    check_picture(picture)
    for path in (mended, save_mask):
        if path is not None:
            check_file(path)
    frames = reading.scan(scan)
    found = diagnose_scan(frames, seed=seed, images=picture is not None)
    if picture is not None:
        save_diagnosis_picture(found.images, picture, caption=str(found))
    if mended is not None:
        save_scan(found.mended(frames), mended)
    if save_mask is not None:
        _save_mask(found, frames.patch_px, save_mask)
    cure = "" if found.fine else _cure(found, scan, save_mask, reading)
    if as_json:
        print_json({"scan": str(scan), **found.figures(), "cure": cure})
    else:
        _print(found, str(scan), cure)


def _save_mask(found: "Diagnosis", side: int, path: Path) -> None:
    import numpy as np

    from ptychoscope.io.atomic import replacing

    mask = found.best.mend.bad_pixels
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, np.zeros((side, side), bool) if mask is None else mask, allow_pickle=False)


def _cure(found: "Diagnosis", scan: Path, mask: Path | None, reading: ScanOptions) -> str:
    """What to type next; empty when nothing is to be mended."""
    if not found.confident or not (found.options or found.best.mend.bad_pixels is not None):
        return ""
    if reading.orientation and found.best.mend.orientation.text:  # steps do not add up to one list of steps
        return f"write the mended scan with --mended FILE, then: ptychoscope run FILE {found.other_options}"
    named = "" if found.best.mend.bad_pixels is None else f" --mask {mask or 'mask.npy'}"
    first = "--save-mask mask.npy, then: " if named and mask is None else ""
    return f"{first}ptychoscope run {scan} {found.options}".rstrip() + named


def _print(found: "Diagnosis", scan: str, cure: str) -> None:
    from ptychoscope.diagnosis.report import percent

    rows = [(str(one.mend), percent(one.unexplained)) for one in found.tried[:_SHOWN]]
    if all(text != "as given" for text, _ in rows):
        rows.append(("as given", percent(found.given)))
    rows.append(("photon noise alone", percent(found.noise)))
    print_table(scan, rows, ("read with", "unexplained"))
    click.echo(f"{str(found)[0].upper()}{str(found)[1:]}.")
    for text in (*found.undecided, *found.notes):
        click.echo(f"Note: {text}.")
    if cure:
        click.echo(f"Mend: {cure}")
