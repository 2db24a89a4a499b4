"""`ptychoscope simulate`: a scan whose truth is known."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ptychoscope.cli.console import AsJson, print_json

ObjectKind = Literal["mix", "leaves", "lines", "screen", "star", "asymmetric", "natural"]
ProbeKind = Literal["zone_plate", "disc", "gaussian"]


def simulate(
    output: Annotated[Path, typer.Option("--output", "-o", help="Scan to write (.npz).")] = Path("scan.npz"),
    object_: Annotated[ObjectKind, typer.Option("--object", help="What lies in the beam.")] = "mix",
    probe: Annotated[ProbeKind, typer.Option(help="Lens that makes the probe.")] = "zone_plate",
    defocus: Annotated[float, typer.Option(help="Defocus, phase at the pupil's edge (rad).")] = 28.0,
    modes: Annotated[int, typer.Option(help="Incoherent probe modes.")] = 1,
    patch: Annotated[int, typer.Option(help="Side of a pattern (px).")] = 64,
    rows: Annotated[int, typer.Option(help="Rows of the raster.")] = 24,
    columns: Annotated[int, typer.Option(help="Columns of the raster; a spiral has rows x columns.")] = 24,
    scan: Annotated[Literal["raster", "spiral"], typer.Option(help="Path of the scan.")] = "raster",
    step: Annotated[float, typer.Option(help="Distance of neighbouring positions (px).")] = 6.0,
    jitter: Annotated[float, typer.Option(help="Largest random move along y and x (px).")] = 2.0,
    sub_pixel: Annotated[bool, typer.Option("--sub-pixel", help="Positions between whole pixels.")] = False,
    photons: Annotated[float, typer.Option(help="Mean photons per pattern.")] = 1e6,
    noise: Annotated[bool, typer.Option(help="Poisson noise.")] = True,
    domain: Annotated[
        Literal["amplitude", "counts"], typer.Option(help="What the patterns hold.")
    ] = "amplitude",
    seed: Annotated[int, typer.Option(help="The same seed gives the same scan.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Simulate a scan with known object and probe, and Poisson noise."""
    from ptychoscope.io import save_scan
    from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

    result = simulate_scan(
        SimulationConfig(
            object=object_,
            probe=ProbeConfig(kind=probe, defocus_rad=defocus, modes=modes),
            patch_px=patch,
            rows=rows,
            columns=columns,
            scan=scan,
            step_px=step,
            jitter_px=jitter,
            sub_pixel=sub_pixel,
            photons=photons,
            noise=noise,
            domain=domain,
            seed=seed,
        )
    )
    save_scan(result, output)
    if as_json:
        print_json({"scan": str(output), "patterns": len(result), "patch_px": result.patch_px})
    else:
        typer.echo(f"{output}: {result}")
