"""Options of the solver, for commands that refine."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ptychoscope.cli.options import AT_LEAST_ZERO, choice, gathered, option
from ptychoscope.errors import ConfigError

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model
    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan

Start = Literal["network", "empty"]
RefineProbe = Literal["keep", "update", "find"]
RefinePositions = Literal["keep", "correct"]


class Solver(NamedTuple):
    """What the options ask of the solver."""

    sweeps: int
    start: Start
    refine_probe: RefineProbe
    positions: RefinePositions
    window_frames: int
    saturation: float | None

    def check(self, model: Path | None) -> None:
        """Raise `ConfigError` for options that do not go together."""
        if self.start == "network" and model is None:
            raise ConfigError("no model: name a bundle with --model, or use --start empty with --refine N")
        if self.start == "empty" and not self.sweeps:
            raise ConfigError("--start empty without sweeps leaves the object empty: add --refine N")
        if self.window_frames and (self.refine_probe, self.positions) != ("keep", "keep"):
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
            probe=self.refine_probe,
            positions=self.positions,
            saturation=self.saturation,
            threads=threads,
        )


solver_options = gathered(
    "solver",
    Solver,
    [
        option(
            *("--refine", "sweeps"),
            type=AT_LEAST_ZERO,
            default=0,
            about="Sweeps of the solver after the network; 0: the network alone.",
        ),
        option(
            "--start",
            type=choice(Start),
            default="network",
            about="What the sweeps start from; empty needs no model.",
        ),
        option(
            *("--refine-probe", "refine_probe"),
            type=choice(RefineProbe),
            default="keep",
            about="Keep the probe, let it follow the data, or make the first one from the data.",
        ),
        option(
            *("--refine-positions", "positions"),
            type=choice(RefinePositions),
            default="keep",
            about="Keep the positions or correct each frame's.",
        ),
        option(
            *("--refine-window", "window_frames"),
            type=AT_LEAST_ZERO,
            default=0,
            about="Sweep the latest frames after every batch, as in a live scan; 0: do not.",
        ),
        option(
            "--saturation",
            type=float,
            about="Pixels at or above it count as unmeasured in sweeps (scan's units).",
        ),
    ],
)
"""Adds the options; the function gets them as `solver`."""
