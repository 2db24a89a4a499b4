"""ptychoscope run: a scan becomes an image, by a network, by the solver or by both."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from ptychoscope.cli.console import frames_bar
from ptychoscope.cli.reading import Domain, Frames, Layout, Steps, read_scan

if TYPE_CHECKING:
    from ptychoscope.model import Model
    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan


class Solver(NamedTuple):
    """What the options ask of the solver."""

    sweeps: int
    start: Literal["network", "empty"]
    probe: Literal["keep", "update", "find"]
    positions: Literal["keep", "correct"]
    window_frames: int
    saturation: float | None

    def check(self, model: Path | None) -> None:
        """Raise `ConfigError` for options that do not go together."""
        from ptychoscope.errors import ConfigError

        if self.start == "network" and model is None:
            raise ConfigError("no model: name a bundle with --model, or use --start empty with --refine N")
        if self.start == "empty" and not self.sweeps:
            raise ConfigError("--start empty without sweeps leaves the object empty: add --refine N")
        if self.window_frames and (self.probe, self.positions) != ("keep", "keep"):
            raise ConfigError(
                "--refine-window keeps probe and positions as they are: leave out --refine-probe and "
                "--refine-positions"
            )

    def run(
        self,
        scan: "Scan",
        network: "Model | None",
        image: "Reconstruction | None",
        batch: int,
        threads: int,
    ) -> "Reconstruction":
        """The network's `image` as it is, or what the solver makes of it or of the scan."""
        from ptychoscope.refine import refine_scan, stream_scan

        if self.window_frames:
            return stream_scan(
                scan,
                network,
                batch=batch,
                window_frames=self.window_frames,
                sweeps=self.sweeps,
                saturation=self.saturation,
                threads=threads,
            )
        if image is not None and not self.sweeps:
            return image
        return refine_scan(
            scan,
            sweeps=self.sweeps,
            start=image,
            probe=self.probe,
            positions=self.positions,
            saturation=self.saturation,
            threads=threads,
        )


def run(
    scan: Annotated[Path, typer.Argument(help="Scan file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Result, a ptychodus product (.h5).")] = Path(
        "object.h5"
    ),
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Bundle directory, made by `export`; not used by --start empty."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG of amplitude, phase, coverage and spread; without, beside the result."),
    ] = None,
    no_picture: Annotated[bool, typer.Option("--no-picture", help="Write no picture.")] = False,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:N, tensorrt, openvino, or auto: cuda when it works.")
    ] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of network and stitcher; without, one per core.")
    ] = None,
    parallel: Annotated[
        Literal["across", "within", "auto"],
        typer.Option(help="Use the threads across batches, or within one (less delay); auto: measure both."),
    ] = "across",
    batch: Annotated[int, typer.Option(min=1, help="Frames that go through the network at once.")] = 16,
    interpolation: Annotated[
        Literal["nearest", "bilinear", "cubic", "lanczos3"] | None,
        typer.Option(help="How patches are put between pixels; without, as the model says."),
    ] = None,
    window: Annotated[
        Literal["probe", "none", "hann", "box"] | None,
        typer.Option(help="Weight of a patch's pixels; without, as the model says."),
    ] = None,
    merge: Annotated[
        Literal["scan", "batch", "none"] | None,
        typer.Option(help="Neighbours of a network of several passes; without, the whole scan."),
    ] = None,
    align: Annotated[
        Literal["none", "sequential", "global"] | None,
        typer.Option(help="Constant phases of patches: as they are, fitted one by one, or solved together."),
    ] = None,
    probe: Annotated[
        Literal["scan", "model"] | None,
        typer.Option(help="Whose probe to use; without, the scan's when it has one."),
    ] = None,
    refine: Annotated[
        int, typer.Option(min=0, help="Sweeps of the solver after the network; 0: the network alone.")
    ] = 0,
    start: Annotated[
        Literal["network", "empty"], typer.Option(help="What the sweeps start from; empty needs no model.")
    ] = "network",
    refine_probe: Annotated[
        Literal["keep", "update", "find"],
        typer.Option(help="Keep the probe, let it follow the data, or make the first one from the data."),
    ] = "keep",
    refine_positions: Annotated[
        Literal["keep", "correct"], typer.Option(help="Keep the positions or correct each frame's.")
    ] = "keep",
    refine_window: Annotated[
        int,
        typer.Option(min=0, help="Sweep the latest frames after every batch, as in a live scan; 0: do not."),
    ] = 0,
    saturation: Annotated[
        float | None, typer.Option(help="Pixels at or above it count as unmeasured in sweeps (scan's units).")
    ] = None,
    domain: Domain = None,
    layout: Layout = "auto",
    orientation: Steps = "",
    frames: Frames = ":",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Reconstruct a scan without torch: every frame once through the network, then sweeps if asked for."""
    from ptychoscope.offline import ALIGN, reconstruct

    solver = Solver(refine, start, refine_probe, refine_positions, refine_window, saturation)
    solver.check(model)
    loaded = read_scan(scan, domain=domain, layout=layout, orientation=orientation, frames=frames)
    count = threads or len(os.sched_getaffinity(0))
    network, result, workers = None, None, 1
    if model is not None and start == "network":
        network, workers = _network(model, device, parallel, count, batch)
    if network is not None and not refine_window:
        with frames_bar(len(loaded), quiet=as_json) as progress:
            result = reconstruct(
                loaded,
                network,
                batch=batch,
                threads=count,
                workers=workers,
                merge=merge,
                align=align or ALIGN,
                interpolation=interpolation,
                window=window,
                probe=probe,
                progress=progress,
            )
    if network is not None and (probe == "model" or loaded.probe is None):
        loaded = loaded.with_probe(network.probe)
    result = solver.run(loaded, network, result, batch, count)
    result.save(output)
    if not no_picture:
        result.picture(picture or output.with_suffix(".png"))
    figures = _figures(result, output)
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        height, width = result.object.shape
        typer.echo(
            f"{output}: {height} x {width} px from {figures['frames']} frames in {figures['seconds']:.2f} s "
            f"({figures['frames_per_s']:.0f} frames/s) on {figures['device']}"
        )


def _network(
    bundle: Path, device: str, parallel: Literal["across", "within", "auto"], threads: int, batch: int
) -> "tuple[Model, int]":
    """The model, and how many batches shall be in it at the same time."""
    from ptychoscope.model import load_model
    from ptychoscope.tune import fastest

    if parallel != "auto":
        across = parallel == "across"
        return load_model(bundle, device, 1 if across else threads), threads if across else 1
    choice = fastest(bundle, device=device, threads=threads, batch=batch)
    measured = ", ".join(f"{way} {speed:.0f} frames/s" for way, speed in choice.frames_per_s.items())
    typer.echo(f"--parallel {choice.parallel} ({measured or 'one thread'})", err=True)
    return choice.model, threads if choice.parallel == "across" else 1


def _figures(result: "Reconstruction", output: Path) -> dict[str, Any]:
    return {
        "output": str(output),
        "shape": list(result.object.shape),
        "origin_px": list(result.origin_px),
        "pixel_size_m": result.pixel_size_m,
        "seen": float((result.coverage > 0).mean()),
        **result.provenance,
    }
