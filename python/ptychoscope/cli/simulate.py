"""`ptychoscope simulate`: a scan whose truth is known, as it should be or with faults."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ptychoscope.cli.click_helpers import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    PATH,
    choice,
    command,
    option,
    word_option,
)
from ptychoscope.cli.output_checks import check_outputs
from ptychoscope.cli.terminal_output import json_option, print_json
from ptychoscope.option_literals import Domain, GapValue, ObjectKind, ProbeKind, ScanPath


def _fault(*names: str, about: str, **attributes: Any) -> Callable[[Any], Any]:
    return option(*names, about=about, heading="Faults", **attributes)


_FAULTS = (
    _fault("--probe-error", default=0.0, about="Smooth error of the given probe, |given - true| / |true|."),
    _fault("--probe-defocus", "probe_defocus_rad", default=0.0, about="Defocus of the given probe (rad)."),
    _fault("--given-modes", type=AT_LEAST_ONE, about="Modes of the probe that are given, of --modes."),
    _fault(
        "--position-error", "position_error_px", default=0.0,
        about="Error of the given positions, root mean square along each axis (px).",
    ),
    _fault("--drift", "drift_px", default=0.0, about="Drift of the given positions over the scan (px)."),
    _fault("--scale-error", default=0.0, about="The given raster is larger by this fraction."),
    _fault("--rotation", "rotation_deg", default=0.0, about="The given raster is turned (degrees)."),
    _fault("--background", default=0.0, about="Flat background, a fraction of the photons."),
    _fault("--smooth-background", default=0.0, about="Uneven background, a fraction of the photons."),
    _fault("--blur", default=0.0, about="Length of an exposure along x, a fraction of the step (fly scan)."),
    _fault("--dead", default=0.0, about="Fraction of dead pixels."),
    _fault("--hot", default=0.0, about="Fraction of hot pixels."),
    _fault("--hot-counts", type=float, about="Mean counts of a hot pixel; else 4 times the brightest one."),
    _fault("--gap", "gap_rows_px", type=AT_LEAST_ZERO, default=0, about="Rows without a sensor."),
    _fault("--gap-columns", "gap_columns_px", type=AT_LEAST_ZERO, default=0, about="Columns without one."),
    _fault("--gap-value", type=choice(GapValue), default="zero", about="What the file holds in a gap."),
    _fault(
        "--mask/--no-mask", "mask_told", default=True,
        about="Whether dead and hot pixels and gaps are named in bad_pixels.",
    ),
    _fault("--clip", "clip_counts", type=float, about="Counts above it are recorded as it."),
    _fault(
        "--lose-trigger", "lost_triggers", type=AT_LEAST_ZERO, multiple=True,
        about="Exposure that the detector missed, by number from 0; may be repeated.",
    ),
    _fault("--wild", "wild_frames", type=AT_LEAST_ZERO, default=0, about="Frames that hold garbage."),
    _fault("--dark", "dark_frames", type=AT_LEAST_ZERO, default=0, about="Frames without beam."),
    _fault("--fault-seed", type=AT_LEAST_ZERO, about="Seed of the faults; else that of --seed."),
    _fault(
        "--truth", type=PATH,
        about="Where the truth goes; else STEM.truth.npz with faults, and into the scan without.",
    ),
)  # fmt: skip


def _fault_options(function: Callable[..., None]) -> Callable[..., None]:
    for add in reversed(_FAULTS):
        function = add(function)
    return function


@command()
@option("--output", "-o", type=PATH, default="scan.npz", about="Scan to write (.npz).")
@word_option("--object", ObjectKind, "What lies in the beam.", default="mix")
@word_option("--probe", ProbeKind, "Lens that makes the probe.", default="zone_plate")
@option("--defocus", default=28.0, about="Defocus, phase at the pupil's edge (rad).")
@option("--modes", default=1, about="Incoherent probe modes.")
@option("--patch", "patch_px", default=64, about="Side of a pattern (px).")
@option("--rows", default=24, about="Rows of the raster.")
@option("--columns", default=24, about="Columns of the raster; a spiral has rows x columns.")
@word_option("--scan", ScanPath, "Path of the scan.", default="raster")
@option("--step", "step_px", default=6.0, about="Distance of neighbouring positions (px).")
@option("--jitter", "jitter_px", default=2.0, about="Largest random move along y and x (px).")
@option("--sub-pixel", is_flag=True, about="Positions between whole pixels.")
@option("--photons", default=1e6, about="Mean photons per pattern.")
@option("--noise/--no-noise", default=True, about="Poisson noise.")
@word_option("--domain", Domain, "What the patterns hold.", default="amplitude")
@option("--seed", default=0, about="The same seed gives the same scan.")
@json_option
@_fault_options
def simulate(
    output: Path,
    truth: Path | None,
    probe: ProbeKind,
    defocus: float,
    modes: int,
    fault_seed: int | None,
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """Simulate a scan with known object and probe, and Poisson noise.

    With faults the scan holds what a user is given, and the truth (object, whole probe, true positions, clean
    frames, bad pixels) goes to a file of its own.
    """
    from dataclasses import fields

    from ptychoscope.io import check_scan_name, save_scan
    from ptychoscope.io.atomic import check_file
    from ptychoscope.simulate import Faults, ProbeConfig, SimulationConfig, simulate_faulty_scan

    faults = Faults(**{field.name: options.pop(field.name) for field in fields(Faults)})
    if truth is None and faults != Faults():
        truth = output.with_name(f"{output.stem}.truth.npz")
    check_outputs([], [("-o", output), ("--truth", truth)])
    for path in filter(None, (output, truth)):
        check_scan_name(path)
        check_file(path)
    lens = ProbeConfig(kind=probe, defocus_rad=defocus, modes=modes)
    config = SimulationConfig(probe=lens, **options)
    made = simulate_faulty_scan(config, faults, seed=config.seed if fault_seed is None else fault_seed)
    if truth is None:
        save_scan(made.truth, output)
    else:
        save_scan(made.truth, truth)
        save_scan(made.given, output, patterns=made.file_patterns)
    if as_json:
        figures = {"scan": str(output), "patterns": len(made.given), "patch_px": made.given.patch_px}
        if truth is not None:
            figures |= {"truth": str(truth)}
            figures |= {"wild_frames": made.wild_frames.tolist(), "dark_frames": made.dark_frames.tolist()}
        print_json(figures)
    else:
        click.echo(f"{output}: {made.given}")
        if truth is not None:
            click.echo(f"{truth}: the truth")
