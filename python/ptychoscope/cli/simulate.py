"""`ptychoscope simulate`: a scan whose truth is known."""

from pathlib import Path
from typing import Any

import click

from ptychoscope.cli.click_helpers import PATH, choice, command, option
from ptychoscope.cli.console import json_option, print_json
from ptychoscope.option_literals import Domain, ObjectKind, ProbeKind, ScanPath


@command()
@option("--output", "-o", type=PATH, default="scan.npz", about="Scan to write (.npz).")
@option("--object", type=choice(ObjectKind), default="mix", about="What lies in the beam.")
@option("--probe", type=choice(ProbeKind), default="zone_plate", about="Lens that makes the probe.")
@option("--defocus", default=28.0, about="Defocus, phase at the pupil's edge (rad).")
@option("--modes", default=1, about="Incoherent probe modes.")
@option("--patch", "patch_px", default=64, about="Side of a pattern (px).")
@option("--rows", default=24, about="Rows of the raster.")
@option("--columns", default=24, about="Columns of the raster; a spiral has rows x columns.")
@option("--scan", type=choice(ScanPath), default="raster", about="Path of the scan.")
@option("--step", "step_px", default=6.0, about="Distance of neighbouring positions (px).")
@option("--jitter", "jitter_px", default=2.0, about="Largest random move along y and x (px).")
@option("--sub-pixel", is_flag=True, about="Positions between whole pixels.")
@option("--photons", default=1e6, about="Mean photons per pattern.")
@option("--noise/--no-noise", default=True, about="Poisson noise.")
@option("--domain", type=choice(Domain), default="amplitude", about="What the patterns hold.")
@option("--seed", default=0, about="The same seed gives the same scan.")
@json_option
def simulate(
    output: Path, probe: ProbeKind, defocus: float, modes: int, *, as_json: bool, **options: Any
) -> None:
    """Simulate a scan with known object and probe, and Poisson noise."""
    from ptychoscope.io import save_scan
    from ptychoscope.io.atomic import check_file
    from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

    check_file(output)
    lens = ProbeConfig(kind=probe, defocus_rad=defocus, modes=modes)
    result = simulate_scan(SimulationConfig(probe=lens, **options))
    save_scan(result, output)
    if as_json:
        print_json({"scan": str(output), "patterns": len(result), "patch_px": result.patch_px})
    else:
        click.echo(f"{output}: {result}")
