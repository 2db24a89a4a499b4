"""Options of the solver, for commands that refine."""

from typing import NamedTuple

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, AT_LEAST_ZERO, option, option_group, word_option
from ptychoscope.option_literals import Effort, PositionUse, ProbeUse

_HEADING = "Solver"


class RefineOptions(NamedTuple):
    """What is asked of the solver, named as in `pipeline.plan.RunOptions`; None where nothing was said."""

    effort: Effort | None
    refine: int | None
    start: str | None
    refine_probe: ProbeUse | None
    refine_positions: PositionUse | None
    refine_window: int | None
    modes: int | None
    saturation: float | None


refine_options = option_group(
    "solver",
    RefineOptions,
    [
        word_option(
            "--effort",
            Effort,
            "Let the solver choose what it mends and how often it sweeps; without --refine, balanced.",
            heading=_HEADING,
        ),
        option(
            "--refine",
            type=AT_LEAST_ZERO,
            heading=_HEADING,
            about="Sweeps of the solver, alone or after the network, nothing chosen; 0: the network alone.",
        ),
        option(
            "--start",
            metavar="[network|empty|FILE]",
            heading=_HEADING,
            about="What the sweeps start from: a saved result, its object, probe and positions, or a word; "
            "without, the network's image where there is a model.",
        ),
        word_option(
            "--refine-probe",
            ProbeUse,
            "Keep the probe, let it follow the data, or make the first one from the data.",
            heading=_HEADING,
        ),
        word_option(
            "--refine-positions", PositionUse, "Keep the positions or correct each frame's.", heading=_HEADING
        ),
        option(
            "--refine-window",
            type=AT_LEAST_ZERO,
            heading=_HEADING,
            about="Sweep so many of the latest frames after every batch, as in a live scan.",
        ),
        option(
            "--modes",
            type=AT_LEAST_ONE,
            heading=_HEADING,
            about="Incoherent modes of the probe; without, as many as the data pay for.",
        ),
        option(
            "--saturation",
            type=float,
            heading=_HEADING,
            about="Pixels at or above it are unmeasured (scan's units).",
        ),
    ],
)
"""Adds the options; the function gets them as `solver`."""
