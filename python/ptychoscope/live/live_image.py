"""LiveImage: what is made of one series, batch by batch: canvas or solver, and a result at any time.

What it becomes is a function of the settings, the reading and the batches alone: the same batches from a
capture give the same bits.
"""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import thread_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.live.growing_array import GrowingArray
from ptychoscope.live.growing_canvas import canvas_fits, make_canvas
from ptychoscope.live.growing_solver import GrowingSolver
from ptychoscope.live.reading_from_first_frames import Reading
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.verdict_frames import VerdictFrames
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.preprocess.complex_planes import complex_patches
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.refiner_arguments import Scratch


class Placed(NamedTuple):
    """What became of a batch."""

    kept: NDArray[np.bool_]
    """(n,) whether a frame is in the image."""
    dark: int
    outside: int


class LiveImage:
    """The image of one series.

    Parameters
    ----------
    reading
        How its frames are read.
    first
        Frames that were read (k, P, P), by whose counts the probe's scale is checked.
    positions_px
        All positions that are known beforehand (n, 2), which say where the object lies; None: it grows.
    """

    def __init__(
        self,
        settings: LiveSettings,
        reading: Reading,
        first: NDArray[np.float32],
        *,
        model: Model | None = None,
        positions_px: NDArray[np.float64] | None = None,
    ) -> None:
        self.settings, self.reading, self.model = settings, reading, model
        some = reading.scan(first, np.zeros((len(first), 2)))
        if some.probe is None and model is not None and model.probe is not None:
            some = some.with_probe(model.probe)
        needs_probe = bool(settings.window_frames) or (model is not None and model.takes_probe)
        self.probe = matched_probe(some) if needs_probe or some.probe is not None else None
        self.slot = (
            None if model is None else ModelSlot(model, probe=self.probe if model.takes_probe else None)
        )
        self._merge = model is not None and model.passes > 1
        side = (some.patch_px, some.patch_px) if model is None or settings.window_frames else model.patch_px
        self._side = side
        known = None if positions_px is None else positions_px[np.isfinite(positions_px).all(axis=1)]
        extent = None if known is None or not len(known) else canvas_extent(known, side)
        self._solver = self._make_solver(extent) if settings.window_frames else None
        self._canvas = (
            make_canvas(model, self.probe, side if extent is None else extent.shape, settings)
            if model and not settings.window_frames
            else None
        )
        self._origin = (0, 0) if extent is None else extent.origin_px
        self._judged = VerdictFrames(some.patch_px, reading.domain)
        self._numbers = GrowingArray(np.int64)
        self._positions = GrowingArray(np.float64, (2,))
        self.frames = 0
        self.cpu_s = {"network": 0.0, "image": 0.0}
        self.misfit = float("nan")
        """Of the last sweep; NaN without."""
        self.version = 0
        """Counts the batches: what is shown is of one version."""

    def add(
        self, patterns: NDArray[np.float32], positions_px: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> Placed:
        """Place frames (n, P, P), -1 where unmeasured, at (n, 2) object pixels; numbers (n,) name them."""
        lit = patterns.max(axis=(1, 2), initial=-1) > 0
        fits = np.zeros(len(patterns), bool)
        fits[lit] = self._fits(positions_px[lit])
        if not fits.all():
            patterns, positions_px, numbers = patterns[fits], positions_px[fits], numbers[fits]
        if len(patterns):
            self._add(patterns, positions_px)
            self._note(numbers, positions_px)
            self._judged.add(patterns)
            self.frames += len(patterns)
            self.version += 1
        return Placed(fits, int((~lit).sum()), int((lit & ~fits).sum()))

    def swap(self, model: Model) -> None:
        """Let frames from now on go through `model`; raises `BundleError`, `ConfigError`."""
        if self.slot is None:
            raise ConfigError("this run has no network that could be replaced: start one with --model")
        self.slot.swap(model)
        self.model = model

    def snapshot(self) -> Reconstruction:
        """What there is now, with the misfit of the last sweep in place of a verdict."""
        misfit = {"refine_misfit_now": self.misfit} if np.isfinite(self.misfit) else {}
        return self._result({"partial": f"{self.frames} frames so far", **misfit})

    def close(self) -> Reconstruction:
        """The result of the whole series, with its verdict: with the solver after its full sweeps.

        The network alone is judged by frames that were held, where a probe is known to predict them with.
        """
        record: dict[str, str | int | float] = {}
        if self._solver is not None and len(self._solver):
            window = self._solver.window
            found = window.close(sweeps=self.settings.closing_sweeps)
            record = {"refine_sweeps": window.closing_sweeps, "refine_misfit_after": found.misfit}
        result = self._result(record, closed=True)
        if self._solver is not None and len(self._solver):
            verdict = self._judged.judge(self._solver.window.refiner, self.numbers)
        else:
            verdict = self._judged.judge_image(result)
        return replace(result, verdict=verdict)

    def planes(self, region: tuple[int, int, int, int] | None = None) -> dict[str, NDArray[Any]]:
        """Object, coverage and spread, of `region` (row0, row1, column0, column1) of `extent`, or of all.

        The spread is NaN while a solver sweeps, which knows it only after the closing sweeps.
        """
        extent = self.extent
        r0, r1, c0, c1 = (0, extent.shape[0], 0, extent.shape[1]) if region is None else region
        if self._canvas is not None:
            y, x = self._canvas.extent[0], self._canvas.extent[2]
            inside = (r0 + y, r1 + y, c0 + x, c1 + x)
            return {
                "object": self._canvas.image(inside),
                "coverage": self._canvas.coverage(inside),
                "spread": self._canvas.spread(inside),
            }
        if self._solver is None or not len(self._solver):
            empty = np.zeros((r1 - r0, c1 - c0), np.float32)
            return {"object": empty.astype(np.complex64), "coverage": empty, "spread": empty + np.nan}
        part = (slice(r0, r1), slice(c0, c1))
        coverage = self._solver.coverage()[part]
        object_ = self._solver.window.refiner.object_region((r0, r1, c0, c1))
        object_[coverage <= 0] = 0
        return {"object": object_, "coverage": coverage.copy(), "spread": np.full_like(coverage, np.nan)}

    @property
    def swept(self) -> bool:
        """Whether a solver makes it; otherwise the network alone."""
        return self._solver is not None

    @property
    def extent(self) -> CanvasExtent:
        """Where the image lies."""
        if self._canvas is not None:
            row0, row1, column0, column1 = self._canvas.extent
            origin = (self._origin[0] + row0, self._origin[1] + column0)
            return CanvasExtent(origin, (row1 - row0, column1 - column0))
        if self._solver is not None:
            return self._solver.extent
        return CanvasExtent((0, 0), (0, 0))

    @property
    def positions_px(self) -> NDArray[np.float64]:
        """(n, 2) of the frames that were placed, in their order."""
        return self._positions.rows

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) of the frames that were placed, in their order."""
        return self._numbers.rows

    def placed_since(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers (n,) and positions (n, 2) of the frames that were placed as number `first` and later."""
        return self.numbers[first:], self.positions_px[first:]

    def predicted(self, first: int, stop: int) -> NDArray[np.float32] | None:
        """(n, P, P) counts that the object predicts for the frames at these places; None without a solver."""
        if not self._solver or not 0 <= first < stop <= len(self._solver):
            return None
        return self._solver.window.refiner.predicted(first, stop)

    def r_factors(self, first: int, stop: int) -> NDArray[np.float32] | None:
        """(n,) of the frames at these places; None without a solver. From any thread: no lock is needed."""
        if not self._solver or not 0 <= first < stop <= len(self._solver):
            return None
        return self._solver.window.refiner.r_factors(first, stop)

    def _note(self, numbers: NDArray[np.int64], positions_px: NDArray[np.float64]) -> None:
        """Remember which frames were placed where."""
        self._numbers.append(numbers)
        self._positions.append(positions_px)

    def _make_solver(self, extent: CanvasExtent | None) -> GrowingSolver:
        s = self.settings
        assert self.probe is not None  # noqa: S101  (matched_probe has refused a scan without)
        return GrowingSolver(
            self.probe,
            extent,
            window_frames=s.window_frames,
            threads=s.threads,
            seed=s.seed,
            scratch=None if s.scratch is None else Scratch(Path(s.scratch), s.solver_bytes),
            most_bytes=s.most_bytes,
        )

    def _fits(self, positions_px: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether there is, or can be, room for frames at these positions."""
        if self._solver is not None:
            return self._solver.fits(positions_px)
        assert self._canvas is not None  # noqa: S101
        reach = 2 * max(self.reading.steps.out_side, *(self.model.patch_px if self.model else (0,)))
        return canvas_fits(self._canvas, positions_px - self._origin, reach, self.settings)

    def _add(self, patterns: NDArray[np.float32], positions_px: NDArray[np.float64]) -> None:
        began, patches = thread_time(), None
        if self.slot is not None:
            runner = self.slot.loaded.runner
            patches = runner.positioned(patterns, self.reading.domain, positions_px, merge=self._merge)
            self.cpu_s["network"] += thread_time() - began
            began = thread_time()
        if self._canvas is not None and patches is not None:
            places = patches.positions_px - np.asarray(self._origin, np.float64)
            self._canvas.add(patches.patches, places, values=patches.values)
        elif self._solver is not None:
            start = None if patches is None else complex_patches(patches.patches, patches.values)
            self.misfit = self._solver.add(patterns, positions_px, domain=self.reading.domain, patches=start)
        self.cpu_s["image"] += thread_time() - began

    def _result(self, record: dict[str, str | int | float], *, closed: bool = False) -> Reconstruction:
        model = self.model
        record = {
            "model": "none" if model is None else model.path.name,
            **({} if model is None else {"model_sha256": model.digest}),
            "refine_window_frames": self.settings.window_frames,
            **record,
        }
        origin, region = self._seen()
        planes = self._closed_planes(region) if closed else self.planes(region)
        return Reconstruction(
            **planes,  # type: ignore[arg-type]
            origin_px=origin,
            pixel_size_m=self.reading.pixel_size_m,
            positions_px=self.positions_px,
            probe=self.probe,
            frame_numbers=self.numbers,
            orientation=dict(self.reading.record),
            provenance={"ptychoscope": version("ptychoscope"), "frames": self.frames, **record},
        )

    def _seen(self) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
        """Where the frames lie, without the room that was made for more: origin, and region of `extent`."""
        extent = self.extent
        seen = canvas_extent(self.positions_px, self._side)
        y, x = (max(a - b, 0) for a, b in zip(seen.origin_px, extent.origin_px, strict=True))
        bottom, right = (
            min(a + n - b, m)
            for a, n, b, m in zip(seen.origin_px, seen.shape, extent.origin_px, extent.shape, strict=True)
        )
        return (extent.origin_px[0] + y, extent.origin_px[1] + x), (y, bottom, x, right)

    def _closed_planes(self, region: tuple[int, int, int, int]) -> dict[str, NDArray[Any]]:
        """Those of `region`, as the last examined sweep found them."""
        if self._solver is None:
            return self.planes(region)
        part = np.s_[region[0] : region[1], region[2] : region[3]]
        refiner = self._solver.window.refiner
        coverage = refiner.coverage[part]
        object_ = np.where(coverage > 0, refiner.object[part], 0).astype(np.complex64)
        return {"object": object_, "coverage": coverage, "spread": refiner.spread[part]}
