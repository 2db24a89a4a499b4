"""Board: what viewers are shown of a running scan, in versions, brought up to date only while watched.

A turn looks at the frames that were placed since the last one. Sweeps change the image only where the frames
of the window lie, so that the tiles these touch are all that is read anew. `run.lock` is held for one copy of
that region; R-factors are computed by the solver, which goes on with the scan after every one of them; and
the rest is done piece by piece, each while the loop waits for frames.
"""

import threading
from collections.abc import Iterable
from time import monotonic
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.live.live_image import LiveImage
from ptychoscope.live.one_series import SeriesRun
from ptychoscope.live.server.frame_view import FrameView, look_at
from ptychoscope.live.server.r_factors import Factors
from ptychoscope.live.server.tiles import Box, TiledPlane, joined, whole_tiles
from ptychoscope.live.session import LiveSession
from ptychoscope.reconstruction import Reconstruction, least_coverage

Plane = Literal["amplitude", "phase", "coverage", "spread", "misfit"]
PLANES: tuple[Plane, ...] = get_args(Plane)
_FACTORS_S, _LIVE_S, _PAINT_S = 0.05, 0.01, 0.01
"""How long R-factors are computed in a turn, of a series that is done and of one that runs; and painted."""
_BLOCK_PX, _BLOCK_PAINTED = 1 << 18, 16
"""Pixels of the frames whose R-factors are computed at a time, and frames that are painted at a time."""

_NOT_KNOWN: dict[bool, dict[Plane, str]] = {
    True: {"spread": "the spread is known once the series is done, after its last sweeps"},
    False: {"misfit": "a network alone predicts no patterns: there is no misfit"},
}
"""Of an image that a solver makes, until it is whole, and of one that a network makes alone."""


class Board:
    """Of the newest series. `lock` is held by whoever reads more than one of its fields."""

    def __init__(self, session: LiveSession) -> None:
        self.session, self.lock = session, threading.Lock()
        self._turning = threading.Lock()
        self._held_s = 0.0
        self._run: SeriesRun | None = None
        self._clear(None, None)

    def _clear(self, run: SeriesRun | None, image: LiveImage | None) -> None:
        self._run, self._image = run, image
        self._result: Reconstruction | None = None
        self.series = None if run is None else run.series
        self.part = 1 if run is None else run.part
        self.began = object()
        """Another one for every image: what is known of one says nothing of the next."""
        self.version = 0
        self.planes = {name: TiledPlane() for name in PLANES}
        self.box = Box((0, 0), (0, 0))
        self.pixel_size_m: float | None = None
        self.numbers = np.empty(0, np.int64)
        self.positions_px = np.empty((0, 2))
        self.factors = Factors()
        self.probe: NDArray[np.complex64] | None = None
        self._read = 0
        self._factors_of: Reconstruction | None = None
        self._phase: complex = 1.0
        self.least_coverage = 0.0
        """Below which a pixel is at the faint rim, found again whenever the phase is."""
        self._phase_frames = 0

    def turn(self, topics: Iterable[str]) -> float:
        """Bring what `topics` show up to date; for how many seconds the loop could not go on meanwhile."""
        with self._turning:
            self._held_s = 0.0
            self._turn(set(topics))
            return self._held_s

    def _turn(self, topics: set[str]) -> None:
        run = self.session.run_now
        image = None if run is None else run.image
        if run is not self._run or image is not self._image:
            with self.lock:
                self._clear(run, image)
        if run is None or image is None or run.reading is None:
            return
        self._take_places(run, image)
        if topics & {"r_factor", "image:misfit"}:
            self._take_factors(run, image)
        if "image:misfit" in topics:
            self._paint_misfit(max(1, image.reading.steps.out_side // 8))
        if topics & {f"image:{name}" for name in PLANES if name != "misfit"}:
            self._take_planes(run, image)

    def frame(self, number: int | None) -> FrameView | None:
        """A frame as it is in memory, the newest one for None."""
        run, image = self._run, self._image
        if run is None or image is None:
            return None
        if number is None:
            if run.last is None:
                return None
            number = run.last
        places = np.flatnonzero(self.numbers == number)
        if not len(places):
            return look_at(run, image, number, None, None)
        y, x = self.positions_px[places[-1]].tolist()
        return look_at(run, image, number, int(places[-1]), (y, x))

    @property
    def not_known(self) -> dict[Plane, str]:
        """Planes of which there is nothing to show, and why."""
        run, image = self._run, self._image
        if run is None or image is None or (image.swept and run.result is not None):
            return {}
        return _NOT_KNOWN[image.swept]

    def whole(self, plane: Plane, series: int | None = None, part: int | None = None) -> NDArray[np.float32]:
        """(H, W) of `box`, NaN where nothing was seen; raises `ResultError` when there is nothing to show.

        `series` and `part` are those that are meant; None: whichever is shown.
        """
        with self.lock:
            if self.series is None or series not in (None, self.series) or part not in (None, self.part):
                raise ResultError(
                    f"part {part or 1} of series {series} is not shown: its result file holds it"
                )
            if plane in self.not_known:
                raise ResultError(self.not_known[plane])
            return self.planes[plane].image(self.box)

    # --- turns ----------------------------------------------------------------------------------------------
    def _take_places(self, run: SeriesRun, image: LiveImage) -> None:
        known = len(self.numbers)
        if image.frames == known:
            return
        self.session.give_way()
        with run.lock:
            numbers, positions = image.placed_since(known)
        with self.lock:
            self.numbers = np.concatenate([self.numbers, numbers])
            self.positions_px = np.concatenate([self.positions_px, positions])
            self.pixel_size_m, self.probe = image.reading.pixel_size_m, image.probe
            self.factors.extend(len(numbers))
            self.box = joined(self.box, whole_tiles(rows_and_columns(positions, 0)))

    def _take_factors(self, run: SeriesRun, image: LiveImage) -> None:
        """R-factors of the newest frames, and of those before them while there is time."""
        if run.result is not self._factors_of:
            self._factors_of = run.result
            self.factors.want_all()
        most_s = _LIVE_S if run.result is None else _FACTORS_S
        most, began, found = max(1, _BLOCK_PX // image.reading.steps.out_side**2), monotonic(), []
        for first, stop in self.factors.wanted(run.places_kept, most):
            self.session.give_way()
            values = image.r_factors(first, stop)
            if values is None:  # a network alone predicts nothing
                break
            found.append((first, values))
            if monotonic() - began > most_s:
                break
        if found:
            with self.lock:
                self.version += 1
                for first, values in found:
                    self.factors.put(first, values, self.version)

    def _paint_misfit(self, half: int) -> None:
        """Squares of the R-factors that are known, the newest first, while there is time."""
        began = monotonic()
        while monotonic() - began < _PAINT_S:
            with self.lock:
                frames = self.factors.paint(_BLOCK_PAINTED)
                if not len(frames):
                    return
                self.version += 1
                y, x = np.rint(self.positions_px[frames]).astype(np.intp).T
                boxes = np.stack([y - half, y + half, x - half, x + half], axis=1)
                values = self.factors.values[frames]
                self.planes["misfit"].paint(boxes, values, self.version, by=frames.tolist())
                low, high = boxes.min(axis=0).tolist(), boxes.max(axis=0).tolist()
                self.box = joined(self.box, whole_tiles((low[0], high[1], low[2], high[3])))
            self.session.give_way()

    def _take_planes(self, run: SeriesRun, image: LiveImage) -> None:
        """The region that has changed since it was read."""
        done = run.result
        stop = len(self.numbers)
        if done is not None and done is not self._result:
            self._show(_of_result(done), done.origin_px, stop, whole=True)
            self._result = done
        elif done is None and stop != self._read:
            first = max(0, min(self._read, stop - self.session.settings.window_frames))
            if not self._read or stop >= 2 * self._phase_frames:
                first = 0  # the phase is told anew, and with it all of the image
            region = whole_tiles(rows_and_columns(self.positions_px[first:], image.reading.steps.out_side))
            self.session.give_way()
            began = monotonic()
            with run.lock:
                extent = image.extent
                y, x = extent.origin_px
                height, width = extent.shape
                row0, column0 = max(region.origin_px[0] - y, 0), max(region.origin_px[1] - x, 0)
                row1 = min(region.origin_px[0] + region.shape[0] - y, height)
                column1 = min(region.origin_px[1] + region.shape[1] - x, width)
                planes = image.planes((row0, row1, column0, column1))
            self._held_s += monotonic() - began
            self._show(planes, (y + row0, x + column0), stop, whole=not first)

    def _show(
        self, planes: dict[str, NDArray[Any]], origin_px: tuple[int, int], stop: int, *, whole: bool
    ) -> None:
        """Put a region, or the whole, padded to whole tiles by what is known, into all planes."""
        object_, coverage = planes["object"], planes["coverage"]
        self.session.give_way()
        seen = coverage > 0
        if whole:
            least = least_coverage(coverage)
            total = complex(object_[seen & (coverage >= least)].sum())
            self._phase, self._phase_frames = (total / abs(total) if total else 1.0), stop
            self.least_coverage = least
        made: dict[Plane, NDArray[np.float32]] = {
            "amplitude": np.abs(object_),
            "phase": np.angle(object_ * np.complex64(np.conj(self._phase))),
            "coverage": coverage,
            "spread": planes["spread"],
        }
        (row, column), (height, width) = origin_px, object_.shape
        box = whole_tiles((row, row + height, column, column + width))
        y, x = origin_px[0] - box.origin_px[0], origin_px[1] - box.origin_px[1]
        with self.lock:
            self.version += 1
            for name, values in made.items():
                self.session.give_way()
                padded = np.full(box.shape, np.nan, np.float32)
                padded[y : y + seen.shape[0], x : x + seen.shape[1]] = np.where(seen, values, np.nan)
                self.planes[name].put(padded, box.origin_px, self.version)
            self.box = joined(self.box, box)
            self._read = stop


def _of_result(result: Reconstruction) -> dict[str, NDArray[Any]]:
    return {"object": result.object, "coverage": result.coverage, "spread": result.spread}


def rows_and_columns(positions_px: NDArray[np.float64], side: int) -> tuple[int, int, int, int]:
    """What frames of that side at (n, 2) reach, with a pixel to spare."""
    low = np.floor(positions_px.min(axis=0)).astype(int) - side // 2 - 1
    high = np.ceil(positions_px.max(axis=0)).astype(int) + side // 2 + 2
    return int(low[0]), int(high[0]), int(low[1]), int(high[1])
