"""ptychoscope inspect: what a scan file holds, and what it leaves open."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.click_helpers import PATH, argument, command, option
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import json_option, print_json, print_table

if TYPE_CHECKING:
    from ptychoscope.diagnosis.inspect_scan import Inspection


@command()
@argument("scan", "Scan to look into, of any format that is read.")
@option("--picture", type=PATH, about="Draw mean pattern, counts, positions and coverage (.png).")
@option("--save-mask", type=PATH, about="Write the bad pixels that no mask names (.npy), for --mask.")
@option("--keep-recipe", type=PATH, about="Write what was said of the scan as a TOML, for --recipe.")
@scan_options
@json_option
def inspect(
    scan: Path,
    picture: Path | None,
    save_mask: Path | None,
    keep_recipe: Path | None,
    reading: ScanOptions,
    as_json: bool,
) -> None:
    """Show what a scan holds: shapes, domain and why, centre, bad pixels, steps, photons, what is missing.

    The patterns are read as `run` would read them; what is wrong with that, `diagnose` finds out.
    """
    from ptychoscope.cli.output_checks import check_outputs
    from ptychoscope.diagnosis.inspect_scan import inspect as look
    from ptychoscope.io.atomic import check_file

    outputs = [("--picture", picture), ("--save-mask", save_mask), ("--keep-recipe", keep_recipe)]
    check_outputs([("the scan", scan), *reading.files()], outputs)
    for _, path in outputs:
        if path is not None:
            check_file(path)
    frames: Any = None if reading.frames == ":" else reading.frames
    found = look(scan, **reading.read_options(scan) | {"frames": frames})
    if picture is not None:
        _draw(found, picture)
    if save_mask is not None:
        _save_mask(found, save_mask)
    if keep_recipe is not None:
        from ptychoscope.io.recipe import write_recipe

        write_recipe(reading.said(), keep_recipe)
    if as_json:
        print_json(found.figures())
    else:
        _print(found)


def _print(found: "Inspection") -> None:
    figures = found.figures()
    least, median, most = figures["photons_per_pattern"]
    y, x = found.centre_px
    overlap = "" if found.overlap is None else f", overlap {100 * found.overlap:.0f} %"
    beam = "" if found.beam_px is None else f", beam {found.beam_px:.3g} px across"
    pixel = "not known" if found.scan.pixel_size_m is None else f"{found.scan.pixel_size_m:.4g} m"
    rows = [
        ("patterns", f"{len(found.scan)} of {found.scan.patch_px} px, {found.dtype}"),
        ("domain", f"{found.scan.domain}: {found.why_domain}"),
        ("photons per pattern", f"{median:.3g} (from {least:.3g} to {most:.3g})"),
        ("zero frequency", f"near ({y:.1f}, {x:.1f}), the middle is {tuple(figures['middle_px'])}"),
        ("bad pixels", f"{found.masked} masked; {found.hot} hot and {found.dead} dead besides"),
        ("clipped", "no" if found.saturation is None else f"at {found.saturation:g}: --saturation"),
        ("positions", f"step {found.step_px:.3g} px{beam}{overlap}"),
        ("field", f"{figures['field_px'][0]:.4g} x {figures['field_px'][1]:.4g} px"),
        ("object pixel", pixel),
        ("probe", f"{figures['probe_modes']} mode(s)" if figures["probe_modes"] else "none"),
    ]
    if found.scan.orientation:
        rows.append(("read with", str(found.scan.orientation)))
    print_table(str(found.path), rows)
    for text in found.missing:
        click.echo(f"Note: {text}.")


def _draw(found: "Inspection", path: Path) -> None:
    from ptychoscope.viz.inspection import save_inspection_picture

    scan = found.scan
    save_inspection_picture(
        path,
        scan,
        mean_pattern=found.mean_pattern,
        suggested_mask=found.suggested_mask,
        centre_px=found.centre_px,
        caption=f"{found.path.name}: {len(scan)} patterns, {scan.domain} ({found.why_domain})",
    )


def _save_mask(found: "Inspection", path: Path) -> None:
    import numpy as np

    from ptychoscope.io.atomic import replacing

    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, found.suggested_mask, allow_pickle=False)
