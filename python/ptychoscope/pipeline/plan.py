"""Plan: from what was asked for to the parts that do it. Every run starts here, whoever asks.

What cannot go together is an error that says so; nothing that was asked for is dropped in silence.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.geometry import CanvasExtent, canvas_extent
from ptychoscope.inference.cuda_runner import check_device_stitching
from ptychoscope.inference.model import BATCH, Model
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.inference.session import parse_device
from ptychoscope.options import (
    Align,
    Interpolation,
    Merge,
    PositionUse,
    ProbeOf,
    ProbeUse,
    StartFrom,
    StitchOn,
    WindowKind,
    one_of,
)
from ptychoscope.pipeline.sinks import CanvasSink
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.cuda_canvas import CudaCanvas
from ptychoscope.stitch.windows import make_window


class RunOptions(TypedDict, total=False):
    """What may be asked of a run, named as the options of `ptychoscope run`; None is as if left out."""

    batch: int | None
    """Frames that go through the network, or arrive in a replay, at once; 16. No image depends on it but
    those of `merge="batch"` and of a replay."""
    threads: int | None
    """Threads of stitcher and solver; 1. The network has its own (`load_model`). No image depends on them."""
    workers: int | None
    """Batches that are in the network at the same time, each with the network's own threads; 1."""
    probe: ProbeOf | None
    """Whose probe is used, by network, window and sweeps; without, the scan's when it has one."""
    merge: Merge | None
    """What a network of several passes takes for neighbours between them: all frames of the `scan`, those of
    the same `batch`, or `none`. Without: the scan, and the batch in a replay."""
    projections: int | None
    """Parallel projections, with the neighbours merged and with momentum, that follow the network: some ten
    bring the image closer to the measurement. Needs a model with passes and a probe."""
    align: Align | None
    """The constant phase that a pattern does not tell of its patch: `none` takes it as the network gives it;
    `sequential` turns each patch, in its turn, to the phase of the image under it; `global` keeps all patches
    until the last one came and solves their phases together. Without: `global`, and `none` on a device."""
    stitch: StitchOn | None
    """`device` stitches patches on the CUDA device that computed them, without copying them to the host."""
    interpolation: Interpolation | None
    """How patches are put between pixels; without, as the model says."""
    window: WindowKind | NDArray[Any] | None
    """Weight of a patch's pixels, or an array (H, W); without, as the model says."""
    start: StartFrom | None
    """What the sweeps start from; without, the network's image where there is a model."""
    refine: int | None
    """Sweeps of the solver; 0."""
    refine_probe: ProbeUse | None
    """Whether sweeps `keep` the probe, `update` it, or `find` the first one in the data."""
    refine_positions: PositionUse | None
    """Whether sweeps `keep` the positions or `correct` each frame's."""
    position_limit_px: float | None
    """How far a position may be corrected along each axis, in pixels; 3."""
    refine_window: int | None
    """Replay: sweep this many of the latest frames after every batch, as in a live scan; 0: do not."""
    saturation: float | None
    """Pixels at or above it, in the units of the patterns, are unmeasured."""
    seed: int | None
    """Of the order in which sweeps visit frames; 0."""


_OF_A_NETWORK = ("merge", "projections", "align", "stitch", "interpolation", "window", "workers")
_OF_SWEEPS = ("refine_probe", "refine_positions", "position_limit_px", "seed")
_LEAST = {"batch": 1, "threads": 1, "workers": 1, "projections": 0, "refine": 0, "refine_window": 0}
_NOT_IN_A_REPLAY = {
    "align": "patches are blended into the solver's object as they are",
    "interpolation": "patches are blended into the solver's object bilinearly",
    "window": "patches are blended into the solver's object by the probe's intensity",
    "stitch": "nothing is stitched",
    "refine_probe": "the probe is kept as it is",
    "refine_positions": "positions are kept as they are",
    "position_limit_px": "positions are kept as they are",
}
_WORDS = {
    "probe": ProbeOf,
    "merge": Merge,
    "align": Align,
    "stitch": StitchOn,
    "interpolation": Interpolation,
    "start": StartFrom,
    "refine_probe": ProbeUse,
    "refine_positions": PositionUse,
}


def checked_options(options: RunOptions, *, has_model: bool, loading: Collection[str] = ()) -> dict[str, Any]:
    """What was asked for, without what was left out; `start` and `refine` are always there.

    `loading` names further options that were given and say how a model is loaded. Raises `ConfigError` for a
    value that an option cannot have, and for options that do not go together.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    _check_values(given)
    given.setdefault("start", "network" if has_model else "empty")
    sweeps, window = given.setdefault("refine", 0), given.setdefault("refine_window", 0)
    if given["start"] == "network" and not has_model:
        raise ConfigError("no model: name a bundle with --model, or use --start empty with --refine N")
    if given["start"] == "empty":
        if has_model:
            raise ConfigError("--start empty uses no model: leave --model out, or start from the network")
        if not sweeps and not window:
            raise ConfigError("nothing to do without a model and without sweeps: add --refine N or --model")
        _check_without_network(given, loading)
    for name in _OF_SWEEPS:
        if name in given and not sweeps and not window:
            raise ConfigError(f"{_flag(name)} belongs to sweeps, and there are none: add --refine N")
    if window:
        _check_replay(given)
    return given


def _check_values(given: Mapping[str, Any]) -> None:
    for name, literal in _WORDS.items():
        if name in given:
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


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """What will be done: every option settled, and the parts made from them."""

    scan: Scan
    """With the probe that sweeps begin with."""
    model: Model | None
    """None: no network."""
    probe: NDArray[np.complex64] | None
    """(m, P, P) that the network and the window take, on the scale of the counts."""
    extent: CanvasExtent
    window: NDArray[np.float32] | None
    batch: int
    threads: int
    workers: int
    merge: Merge
    projections: int
    align: Align
    stitch: StitchOn
    interpolation: Interpolation
    refine: int
    refine_probe: ProbeUse
    refine_positions: PositionUse
    position_limit_px: float
    refine_window: int
    saturation: float | None
    seed: int

    def source(self) -> ScanSource:
        """The frames of the scan in their order, unmeasured pixels marked."""
        return ScanSource(self.scan, batch=self.batch, saturation=self.saturation)

    def slot(self) -> ModelSlot:
        """The model, ready with its probe."""
        if self.model is None:
            raise ConfigError("this run has no model")
        probe = self.probe if self.model.takes_probe else None
        return ModelSlot(self.model, probe=probe, stitch_on=self.stitch, projections=self.projections)

    def canvas(self) -> CanvasSink:
        """The canvas that patches are stitched onto, at its place in the object plane."""
        if self.model is None:
            raise ConfigError("this run has no model whose patches could be stitched")
        shape, weights = self.extent.shape, self.window
        if self.stitch == "device":
            number = parse_device(self.model.device)[1]
            return CanvasSink(CudaCanvas(shape, weights, self.interpolation, device=number), self.extent)
        crop_px = self.model.config.stitch.inner_crop_px
        canvas = Canvas(
            shape, weights, self.interpolation, threads=self.threads, align=self.align, crop_px=crop_px
        )
        return CanvasSink(canvas, self.extent)

    def settings(self) -> dict[str, str | int | float]:
        """How the network was run, for the result's record."""
        own = self.model is not None and self.probe is self.model.probe
        return {
            "merge": self.merge,
            "projections": self.projections,
            "align": self.align,
            "stitch": self.stitch,
            "batch": self.batch,
            "interpolation": self.interpolation,
            "stitch_threads": self.threads,
            "workers": self.workers,
            "probe": "none" if self.probe is None else "model" if own else "scan",
        }


def make_plan(scan: Scan, model: Model | None, options: RunOptions) -> Plan:
    """The plan for `scan`; raises `ConfigError` as `checked_options` does, `ScanError` for a scan that cannot
    be reconstructed with this model.
    """
    given = checked_options(options, has_model=model is not None)
    if len(scan) == 0:
        raise ScanError("the scan has no frames: nothing can be reconstructed")
    probe = None if model is None else _probe(scan, model, given.get("probe"))
    side = (scan.patch_px, scan.patch_px) if model is None else model.patch_px
    if model is not None and (given.get("probe") == "model" or scan.probe is None):
        scan = scan.with_probe(model.probe)
    stitch: StitchOn = given.get("stitch", "host")
    replay = bool(given["refine_window"])
    merge = _merge(given, model, replay=replay)
    align: Align = given.get("align") or ("none" if stitch == "device" or replay else "global")
    if model is not None and stitch == "device":
        check_device_stitching(model.config, model.device, merge, given.get("align"))
    return Plan(
        scan=scan,
        model=model,
        probe=probe,
        extent=canvas_extent(scan.positions_px, side),
        window=None if model is None or replay else _window(given.get("window"), probe, model),
        batch=given.get("batch", BATCH),
        threads=given.get("threads", 1),
        workers=given.get("workers", 1),
        merge=merge,
        projections=given.get("projections", 0),
        align=align,
        stitch=stitch,
        interpolation=given.get("interpolation")
        or ("cubic" if model is None else model.config.stitch.interpolation),
        refine=given["refine"],
        refine_probe=given.get("refine_probe", "keep"),
        refine_positions=given.get("refine_positions", "keep"),
        position_limit_px=given.get("position_limit_px", 3.0),
        refine_window=given["refine_window"],
        saturation=given.get("saturation"),
        seed=given.get("seed", 0),
    )


def _merge(given: Mapping[str, Any], model: Model | None, *, replay: bool) -> Merge:
    merge: Merge | None = given.get("merge")
    projections = given.get("projections", 0)
    if projections and merge == "none":
        raise ConfigError(
            f"--projections {projections} does not go with --merge none: frames on their own are not "
            "determined by what was measured; leave one of them out"
        )
    if model is None:
        return "none"
    if model.passes > 1 or (model.passes and projections):
        return merge or ("batch" if replay else "scan")
    if merge in ("scan", "batch"):
        raise ConfigError(
            f"--merge {merge} needs a network of several passes, and this one has one: leave it out"
        )
    return "none"


def _probe(scan: Scan, model: Model, choice: ProbeOf | None) -> NDArray[np.complex64] | None:
    if choice == "model" and model.probe is None:
        raise ScanError("the model holds no probe: use --probe scan")
    if choice == "scan" or (choice is None and scan.probe is not None):
        return matched_probe(scan)
    return model.probe


def _window(
    window: WindowKind | NDArray[Any] | None, probe: NDArray[np.complex64] | None, model: Model
) -> NDArray[np.float32] | None:
    chosen = model.config.stitch.window if window is None else window
    if isinstance(chosen, str):
        return make_window(chosen, model.patch_px, probe)
    if chosen.shape != model.patch_px:
        raise ConfigError(
            f"--window must be as large as the model's patches {model.patch_px}, got {chosen.shape}"
        )
    return chosen.astype(np.float32)
