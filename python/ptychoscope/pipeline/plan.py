"""Plan: from what was asked for to the parts that do it. Every run starts here, whoever asks."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.inference.model import BATCH, Model
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.inference.patterns_to_tensors import checked_patterns
from ptychoscope.inference.runner_patches_on_device import check_device_stitching
from ptychoscope.inference.session import parse_device
from ptychoscope.option_literals import (
    Accumulate,
    Align,
    Effort,
    Interpolation,
    Merge,
    PositionUse,
    ProbeOf,
    ProbeUse,
    StitchOn,
    WindowKind,
)
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.pipeline.memory_limit import (
    held_if_small,
    keeps_patches,
    memory_bytes,
    scratch_for_sweeps,
)
from ptychoscope.pipeline.patch_sinks import CanvasSink
from ptychoscope.pipeline.run_options import RunOptions, checked_options
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.pipeline.start_from_result import begin_with, mended_before
from ptychoscope.preprocess.crop import check_side
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.refiner_arguments import Scratch
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.cuda_canvas import CudaCanvas
from ptychoscope.stitch.windows import make_window


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """What will be done: every option resolved, and the parts made from them."""

    given: Scan
    """The frames that are used, as they were given."""
    scan: Scan
    """The same with the probe, and the positions, that sweeps begin with."""
    extent: CanvasExtent
    """Of the image, on which its frames lie."""
    start: Reconstruction | None
    """The saved result to begin with; None: the network's image, or nothing."""
    left_out: dict[str, str | int]
    """Numbers of the frames that are not, by reason; for the result's record."""
    model: Model | None
    """None: no network."""
    probe: NDArray[np.complex64] | None
    """(m, P, P) that the network and the window take, on the scale of the counts."""
    window: NDArray[np.float32] | None
    batch: int
    threads: int
    workers: int
    merge: Merge
    projections: int
    align: Align
    accumulate: Accumulate
    stitch: StitchOn
    interpolation: Interpolation
    effort: Effort | None
    """None: what the solver does is fixed by the fields below."""
    refine: int
    refine_probe: ProbeUse | None
    """None, as of the positions: chosen by `effort`."""
    refine_positions: PositionUse | None
    modes: int | None
    position_limit_px: float | None
    refine_window: int
    saturation: float | None
    seed: int
    scratch: Scratch | None
    """A folder for the solver's frames where memory shall not hold them."""
    halves: bool
    """Whether two images of half of the frames are made and compared as well."""

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
            shape,
            weights,
            self.interpolation,
            self.accumulate,
            threads=self.threads,
            align=self.align,
            crop_px=crop_px,
        )
        return CanvasSink(canvas, self.extent)

    def settings(self) -> dict[str, str | int | float]:
        """How the network was run, for the result's record."""
        own = self.model is not None and self.probe is self.model.probe
        return {
            "merge": self.merge,
            "projections": self.projections,
            "align": self.align,
            "accumulate": self.accumulate,
            "stitch": self.stitch,
            "batch": self.batch,
            "interpolation": self.interpolation,
            "stitch_threads": self.threads,
            "workers": self.workers,
            "probe": "none" if self.probe is None else "model" if own else "scan",
        }


def make_plan(scan: Scan, model: Model | None, options: RunOptions, *, hold: bool = True) -> Plan:
    """The plan for `scan`, whose patterns are held in memory where they are few and `hold` says so.

    Raises `ConfigError` as `checked_options` does, `ScanError` for a scan that cannot be reconstructed with
    this model.
    """
    given = checked_options(options, has_model=model is not None)
    memory = memory_bytes(given.get("memory"))
    scan, left_out = usable_frames(held_if_small(scan, memory) if hold else scan)
    frames, start = scan, given["start"] if isinstance(given["start"], Reconstruction) else None
    if start is not None:
        scan, start = begin_with(scan, start)
        _go_on_mending(given, start)
    if given["refine"] or given["refine_window"]:
        check_side(scan.patch_px)
    if model is not None:
        checked_patterns(scan.patterns[:0], model.pattern_px, scan.domain)
    probe = None if model is None else _probe(scan, model, given.get("probe"))
    side = (scan.patch_px, scan.patch_px) if model is None else model.patch_px
    if model is not None and (given.get("probe") == "model" or scan.probe is None):
        scan = scan.with_probe(model.probe)
    stitch: StitchOn = given.get("stitch", "host")
    replay = bool(given["refine_window"])
    merge = _merge(given, model, replay=replay)
    align = _align(given, len(scan), side, memory, on_the_fly=stitch == "device" or replay)
    if model is not None and stitch == "device":
        if "accumulate" in given:
            raise ConfigError(
                f"--accumulate {given['accumulate']} does not go with --stitch device: leave one of them out"
            )
        check_device_stitching(model.config, model.device, merge, given.get("align"))
    return Plan(
        given=frames,
        scan=scan,
        extent=canvas_extent(scan.positions_px, side),
        start=start,
        left_out=left_out,
        model=model,
        probe=probe,
        window=None if model is None or replay else _window(given.get("window"), probe, model),
        batch=given.get("batch", BATCH),
        threads=given.get("threads", 1),
        workers=given.get("workers", 1),
        merge=merge,
        projections=given.get("projections", 0),
        align=align,
        accumulate=given.get("accumulate", "float32"),
        stitch=stitch,
        interpolation=given.get("interpolation")
        or ("cubic" if model is None else model.config.stitch.interpolation),
        effort=given.get("effort"),
        refine=given["refine"],
        refine_probe=given.get("refine_probe"),
        refine_positions=given.get("refine_positions"),
        modes=given.get("modes"),
        position_limit_px=given.get("position_limit_px"),
        refine_window=given["refine_window"],
        saturation=given.get("saturation"),
        seed=given.get("seed", 0),
        scratch=scratch_for_sweeps(scan, memory),
        halves=given.get("halves", False),
    )


def _align(
    given: Mapping[str, Any], frames: int, patch_px: tuple[int, int], memory: int, *, on_the_fly: bool
) -> Align:
    """What is done about the phases of patches: all together only where memory may hold all patches."""
    asked: Align | None = given.get("align")
    fits = keeps_patches(frames, patch_px, memory)
    if asked == "global" and not fits:
        size = 8 * frames * patch_px[0] * patch_px[1] / 1e9
        raise ConfigError(
            f"--align global keeps the patches of all {frames} frames, {size:.1f} GB, and --memory allows "
            f"{memory / 1e9:.1f} GB, of which patches may take half: --memory {2.1 * size:.0f}GB, or --align "
            "sequential"
        )
    return asked or ("none" if on_the_fly else "global" if fits else "sequential")


def _go_on_mending(given: dict[str, Any], start: Reconstruction) -> None:
    """A solver that chooses goes on with what was mended before, unless something else is asked for."""
    if "effort" in given:
        if mended_before(start, "probe"):
            given.setdefault("refine_probe", "update")
        if mended_before(start, "positions"):
            given.setdefault("refine_positions", "correct")


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
    if choice is None and model.probe is not None:
        warnings.warn(
            "the scan has no probe, and the model's own is taken, which is right only for a beam like the "
            "one it was trained with: --probe model confirms it, --probe-file FILE gives the scan's",
            ScanWarning,
            stacklevel=3,
        )
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
