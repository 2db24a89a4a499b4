"""RunOptions: what may be asked of a run, and what of it goes together.

What cannot go together is an error that says so; nothing that was asked for is dropped in silence.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypedDict

from numpy.typing import NDArray

from ptychoscope import option_literals
from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import one_of
from ptychoscope.reconstruction import Reconstruction


class RunOptions(TypedDict, total=False):
    """What may be asked of a run, named as the options of `ptychoscope run`; None is as if left out."""

    batch: int | None
    """Frames that go through the network, or arrive in a replay, at once; 16. No image depends on it but
    those of `merge="batch"` and of a replay."""
    threads: int | None
    """Threads of stitcher and solver; 1. The network has its own (`load_model`). No image depends on them."""
    workers: int | None
    """Batches that are in the network at the same time, each with the network's own threads; 1."""
    probe: option_literals.ProbeOf | None
    """Whose probe is used, by network, window and sweeps; without, the scan's when it has one."""
    merge: option_literals.Merge | None
    """What a network of several passes takes for neighbours between them: all frames of the `scan`, those of
    the same `batch`, or `none`. Without: the scan, and the batch in a replay."""
    projections: int | None
    """Parallel projections, with the neighbours merged and with momentum, that follow the network: some ten
    bring the image closer to the measurement. Needs a model with passes and a probe."""
    align: option_literals.Align | None
    """The constant phase that a pattern does not tell of its patch: `none` takes it as the network gives it;
    `sequential` turns each patch, in its turn, to the phase of the image under it; `global` keeps all patches
    until the last one came and solves their phases together. Without: `global`, and `none` on a device."""
    accumulate: option_literals.Accumulate | None
    """What the canvas holds its sums in; `float32`. With `exact` their bits do not depend on the order of
    frames, nor on how many machines made them."""
    stitch: option_literals.StitchOn | None
    """`device` stitches patches on the CUDA device that computed them, without copying them to the host."""
    interpolation: option_literals.Interpolation | None
    """How patches are put between pixels; without, as the model says."""
    window: option_literals.WindowKind | NDArray[Any] | None
    """Weight of a patch's pixels, or an array (H, W); without, as the model says."""
    start: option_literals.StartFrom | Reconstruction | None
    """What the sweeps start from: a word, or a result, whose object, probe and positions are then taken
    (`pipeline.start_from_result`). Without, the network's image where there is a model."""
    effort: option_literals.Effort | None
    """Let the solver choose, as far as nothing else is said: how many sweeps, whether probe and positions are
    mended, how many modes, and whether there is a background. Without a model and without `refine` it is
    `balanced`."""
    refine: int | None
    """Sweeps of the solver; 0, or as many as `effort` finds useful."""
    refine_probe: option_literals.ProbeUse | None
    """Whether sweeps `keep` the probe, `update` it, or `find` the first one in the data."""
    refine_positions: option_literals.PositionUse | None
    """Whether sweeps `keep` the positions or `correct` each frame's."""
    position_limit_px: float | None
    """How far a position may be corrected along each axis, in pixels; 3."""
    refine_window: int | None
    """Replay: sweep this many of the latest frames after every batch, as in a live scan; 0: do not."""
    modes: int | None
    """Incoherent modes of the probe, where the solver chooses (`effort`)."""
    memory: str | int | None
    """How much memory the run may take, such as `2GB`: patterns, frames of the solver and patches that would
    need more stay in files. Without: half of the machine's."""
    saturation: float | None
    """Pixels at or above it, in the units of the patterns, are unmeasured."""
    seed: int | None
    """Of the order in which sweeps visit frames; 0."""
    halves: bool | None
    """Make two more images, of every other frame each, for the Fourier ring correlation of both
    (`Reconstruction.halves_frc`): a measure of resolution that needs no truth. Costs as much again."""


_OF_A_NETWORK = (
    "merge",
    "projections",
    "align",
    "stitch",
    "interpolation",
    "window",
    "workers",
    "accumulate",
)
_OF_SWEEPS = ("refine_probe", "refine_positions", "position_limit_px", "seed")
_LEAST = {
    "batch": 1,
    "threads": 1,
    "workers": 1,
    "projections": 0,
    "refine": 0,
    "refine_window": 0,
    "modes": 1,
}
_NOT_IN_A_REPLAY = {
    "align": "patches are blended into the solver's object as they are",
    "interpolation": "patches are blended into the solver's object bilinearly",
    "window": "patches are blended into the solver's object by the probe's intensity",
    "accumulate": "sums are the solver's own",
    "stitch": "nothing is stitched",
    "refine_probe": "the probe is kept as it is",
    "refine_positions": "positions are kept as they are",
    "position_limit_px": "positions are kept as they are",
}
_WORDS = {
    "probe": option_literals.ProbeOf,
    "merge": option_literals.Merge,
    "align": option_literals.Align,
    "accumulate": option_literals.Accumulate,
    "stitch": option_literals.StitchOn,
    "interpolation": option_literals.Interpolation,
    "start": option_literals.StartFrom,
    "effort": option_literals.Effort,
    "refine_probe": option_literals.ProbeUse,
    "refine_positions": option_literals.PositionUse,
}


def checked_options(options: RunOptions, *, has_model: bool, loading: Collection[str] = ()) -> dict[str, Any]:
    """What was asked for, without what was left out; `start` and `refine` are always there.

    `loading` names further options that were given and say how a model is loaded. Raises `ConfigError` for a
    value that an option cannot have, and for options that do not go together.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    _check_values(given)
    given.setdefault("start", "network" if has_model else "empty")
    saved = isinstance(given["start"], Reconstruction)
    if (saved or given["start"] == "empty") and not given.keys() & {"refine", "refine_window"}:
        given.setdefault("effort", "balanced")
    _check_effort(given)
    sweeps, window = given.setdefault("refine", 0), given.setdefault("refine_window", 0)
    if saved:
        _check_saved(given, has_model, loading)
    elif given["start"] == "network" and not has_model:
        raise ConfigError("no model: name a bundle with --model, or leave --start network out")
    elif given["start"] == "empty":
        if has_model:
            raise ConfigError("--start empty uses no model: leave --model out, or start from the network")
        if not sweeps and not window and "effort" not in given:
            raise ConfigError("nothing to do: --refine 0 without a network; leave it out, or give --refine N")
        _check_without_network(given, loading)
    for name in _OF_SWEEPS:
        if name in given and not sweeps and not window and "effort" not in given:
            raise ConfigError(
                f"{_flag(name)} belongs to sweeps, and there are none: add --refine N or --effort"
            )
    if window:
        _check_replay(given)
    return given


def _check_saved(given: Mapping[str, Any], has_model: bool, loading: Collection[str]) -> None:
    """What goes with a saved result as the start."""
    if has_model:
        raise ConfigError("--start FILE brings an image, and --model makes one: leave one of them out")
    if given.get("refine_probe") == "find":
        raise ConfigError(
            "--refine-probe find makes a probe, and --start FILE brings one: leave one of them out"
        )
    if given["refine_window"]:
        raise ConfigError(
            "--refine-window begins with nothing, and --start FILE with an image: leave one out"
        )
    if given.get("halves"):
        raise ConfigError(
            "--halves needs two images that know nothing of each other, and both would begin with --start "
            "FILE: leave one out"
        )
    if not given["refine"] and "effort" not in given:
        raise ConfigError("nothing to do: --refine 0 after --start FILE; leave it out, or give --refine N")
    _check_without_network(given, loading)


def _check_effort(given: Mapping[str, Any]) -> None:
    for name in ("refine", "refine_window"):
        if "effort" in given and name in given:
            raise ConfigError(f"--effort chooses the sweeps, and {_flag(name)} fixes them: leave one out")
    if "modes" in given and "effort" not in given:
        raise ConfigError("--modes goes with a solver that chooses: leave --refine out, or add --effort")


def _check_values(given: Mapping[str, Any]) -> None:
    for name, literal in _WORDS.items():
        if name in given and not (name == "start" and isinstance(given[name], Reconstruction)):
            one_of(_flag(name), given[name], literal)
    for name, least in _LEAST.items():
        if given.get(name, least) < least:
            raise ConfigError(f"{_flag(name)} must be at least {least}, got {given[name]}")


def _check_without_network(given: Mapping[str, Any], loading: Collection[str]) -> None:
    unused = [*(name for name in _OF_A_NETWORK if name in given), *sorted(loading)]
    if given.get("probe") == "model":
        unused.append("probe")
    if given.get("batch") is not None and not given["refine_window"]:
        unused.append("batch")
    if unused:
        raise ConfigError(
            f"{_flag(unused[0])} belongs to a network, and this run has none: leave it out, or name a bundle "
            "with --model"
        )


def _check_replay(given: Mapping[str, Any]) -> None:
    for name, reason in _NOT_IN_A_REPLAY.items():
        if given.get(name) not in (None, "keep", "host"):
            raise ConfigError(f"{_flag(name)} does not go with --refine-window, where {reason}: leave it out")
    if given.get("merge") == "scan":
        raise ConfigError(
            "--merge scan needs all frames at once, and --refine-window gets them batch by batch: "
            "use --merge batch or none"
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
