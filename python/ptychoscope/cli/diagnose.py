"""`ptychoscope diagnose`: what is wrong with a scan, and the option that mends it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptychoscope.cli.click_helpers import PATH, argument, command, option
from ptychoscope.cli.console import json_option, print_json, print_table
from ptychoscope.cli.scan_options import ScanOptions, scan_options

if TYPE_CHECKING:
    from ptychoscope.diagnosis import Diagnosis

_SHOWN = 8


@command()
@argument("scan", "Scan to look into (.npz).")
@option("--picture", type=PATH, about="Draw as given and the best few side by side (.png).")
@option("--mended", type=PATH, about="Write the scan as it is after the mend (.npz).")
@option("--seed", default=0, about="Of the pixels that are held back.")
@scan_options
@json_option
def diagnose(
    scan: Path, picture: Path | None, mended: Path | None, seed: int, reading: ScanOptions, as_json: bool
) -> None:
    """Try on a scan what people get wrong, and say what explains it best.

    Turned or mirrored patterns, positions and probe, swapped axes, the zero frequency in the corner, counts
    against amplitude, scale, unit and rotation of the positions, frames shifted against them, focus and size
    of the probe, bad pixels. Judged by pixels that were held back from the sweeps.
    """
    from ptychoscope.cli.output_checks import check_outputs
    from ptychoscope.diagnosis import diagnose as diagnose_scan
    from ptychoscope.io import save_scan
    from ptychoscope.io.atomic import check_file
    from ptychoscope.viz.diagnosis import save_diagnosis_picture

    outputs = [("--picture", picture), ("--mended", mended)]
    check_outputs([("the scan", scan)], outputs)
    for _, path in outputs:
        if path is not None:
            check_file(path)
    frames = reading.scan(scan)
    found = diagnose_scan(frames, seed=seed, images=picture is not None)
    if picture is not None:
        save_diagnosis_picture(found.images, picture, caption=str(found))
    if mended is not None:
        save_scan(found.mended(frames), mended)
    if as_json:
        print_json({"scan": str(scan), **found.figures()})
    else:
        _print(found, str(scan))


def _print(found: "Diagnosis", scan: str) -> None:
    from ptychoscope.diagnosis.report import percent

    rows = [(str(one.mend), percent(one.unexplained)) for one in found.tried[:_SHOWN]]
    if all(text != "as given" for text, _ in rows):
        rows.append(("as given", percent(found.given)))
    rows.append(("photon noise alone", percent(found.noise)))
    print_table(scan, rows, ("read with", "unexplained"))
    click.echo(f"{str(found)[0].upper()}{str(found)[1:]}.")
    for text in (*found.undecided, *found.notes):
        click.echo(f"Note: {text}.")
    if found.options:
        click.echo(f"Mend: ptychoscope run {scan} {found.options}")
