"""Reporter: what the page is shown of a running scan, taken from the loop bit by bit, and only while asked.

A turn looks at the frames that were placed since the last one. Sweeps change the image only where the frames
of the window lie, so that the region these touch is all that is read anew. `run.lock` is held for one copy of
that region; R-factors are computed by the solver, which goes on with the scan after every few of them; and
each piece is taken while the loop waits for frames. Everything else is done in the process of the page.
"""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from time import monotonic, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.live_image import LiveImage
from ptychoscope.live.one_series import SeriesRun
from ptychoscope.live.server.messages import Record
from ptychoscope.live.server.r_factors import Wanted
from ptychoscope.live.server.tiles import rows_and_columns, whole_tiles
from ptychoscope.live.serving.frame_view import look_at
from ptychoscope.live.session import LiveSession
from ptychoscope.reconstruction import Reconstruction

_FACTORS_S, _LIVE_S = 0.05, 0.01
"""How long R-factors are computed in a turn, of a series that is done and of one that runs."""
_BLOCK_PX = 1 << 20
"""Pixels of the frames whose R-factors are computed at a time."""
_NICE = 10
_SPREAD = "the spread is known once the series is done, after its last sweeps"
_MISFIT = "a network alone predicts no patterns: there is no misfit"


class Reporter:
    """Of the newest series of a session; what it has told once, it does not tell again."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._turning = threading.Lock()
        self.turns = 0
        self._held_s = 0.0
        self._begin(None, None)

    def _begin(self, run: SeriesRun | None, image: LiveImage | None) -> None:
        self._run, self._image = run, image
        self._shown = False
        self._told = 0
        """Frames whose places were told."""
        self._wanted = Wanted()
        self._factors_of: Reconstruction | None = None
        self._read, self._whole_at = 0, 0
        """How many frames there were when the region was read, and the whole."""
        self._result: Reconstruction | None = None

    def turn(self, topics: Sequence[str], frames: Sequence[int | None] = ()) -> list[Record]:
        """News of what `topics` show, and the frames of these numbers, None for the newest.

        The last record says what that cost: for how long the loop could not go on, and the time of this
        thread; and whether a series runs.
        """
        leave_cores_to_others()
        with self._turning:
            began, self._held_s = thread_time(), 0.0
            self.turns += 1
            records = [*self._news(set(topics)), *self._frames(frames)]
            cost = {"held_s": self._held_s, "work_s": thread_time() - began}
            there = {"running": self._session.phase == "running", "not_known": self._not_known()}
            return [*records, Record({"kind": "turn", **cost, **there})]

    def _news(self, topics: set[str]) -> Iterator[Record]:
        run = self._session.run_now
        image = None if run is None else run.image
        if run is not self._run or image is not self._image:
            self._begin(run, image)
            yield Record({"kind": "clear", **_named(run)})
        if run is None or image is None or run.reading is None:
            return
        if not self._shown:
            self._shown = True
            reading, probe = image.reading, image.probe
            said = {"pixel_size_m": reading.pixel_size_m, "side": reading.steps.out_side}
            yield Record({"kind": "image", **said}, [] if probe is None else [probe])
        yield from self._places(run, image)
        if topics & {"r_factor", "image:misfit"}:
            yield from self._factors(run, image)
        if topics & {f"image:{name}" for name in ("amplitude", "phase", "coverage", "spread")}:
            yield from self._planes(run, image)

    def _places(self, run: SeriesRun, image: LiveImage) -> Iterator[Record]:
        if image.frames == self._told:
            return
        self._session.give_way()
        with run.lock:
            numbers, positions = image.placed_since(self._told)
        self._told += len(numbers)
        self._wanted.extend(len(numbers))
        yield Record({"kind": "places"}, [numbers, positions])

    def _factors(self, run: SeriesRun, image: LiveImage) -> Iterator[Record]:
        """R-factors of the newest frames, and of those before them while there is time."""
        if run.result is not self._factors_of:
            self._factors_of = run.result
            self._wanted.want_all()
        most_s = _LIVE_S if run.result is None else _FACTORS_S
        most, began = max(1, _BLOCK_PX // image.reading.steps.out_side**2), monotonic()
        for first, stop in self._wanted.blocks(run.places_kept, most):
            self._session.give_way()
            values = image.r_factors(first, stop)
            if values is None:  # a network alone predicts nothing
                return
            self._wanted.done(first, stop)
            yield Record({"kind": "factors", "first": first}, [values])
            if monotonic() - began > most_s:
                return

    def _planes(self, run: SeriesRun, image: LiveImage) -> Iterator[Record]:
        """The region that has changed since it was read."""
        done = run.result
        if done is not None and done is not self._result:
            self._result = done
            said = {"kind": "planes", "origin_px": done.origin_px, "whole": True}
            yield Record(said, [done.object, done.coverage, done.spread])
        elif done is None and self._told != self._read:
            whole = not self._read or self._told >= 2 * self._whole_at
            # with the whole image its phase is told anew
            first = 0 if whole else max(0, min(self._read, self._told - self._session.settings.window_frames))
            corner, planes = self._region(run, image, image.positions_px[first : self._told])
            self._read, self._whole_at = self._told, self._told if whole else self._whole_at
            arrays = [planes[name] for name in ("object", "coverage", "spread")]
            yield Record({"kind": "planes", "origin_px": corner, "whole": whole}, arrays)

    def _region(
        self, run: SeriesRun, image: LiveImage, positions_px: NDArray[np.float64]
    ) -> tuple[tuple[int, int], dict[str, NDArray[Any]]]:
        """What frames at these positions reach, in whole tiles: where it begins, and its planes."""
        region = whole_tiles(rows_and_columns(positions_px, image.reading.steps.out_side))
        self._session.give_way()
        began = monotonic()
        with run.lock:
            extent = image.extent
            (y, x), (height, width) = extent.origin_px, extent.shape
            row0, column0 = max(region.origin_px[0] - y, 0), max(region.origin_px[1] - x, 0)
            row1 = min(region.origin_px[0] + region.shape[0] - y, height)
            column1 = min(region.origin_px[1] + region.shape[1] - x, width)
            planes = image.planes((row0, row1, column0, column1))
        self._held_s += monotonic() - began
        return (y + row0, x + column0), planes

    def _frames(self, numbers: Sequence[int | None]) -> Iterator[Record]:
        """Frames as they are in memory, beside what is predicted for them."""
        run, image = self._run, self._image
        for asked in numbers:
            number = run.last if asked is None and run is not None else asked
            if run is None or image is None or number is None:
                continue
            self._session.give_way()
            places = np.flatnonzero(image.numbers[: self._told] == number)
            place = int(places[-1]) if len(places) else None
            where = None if place is None else tuple(image.positions_px[place].tolist())
            view = look_at(run, image, number, place, where)
            if view is None:
                continue
            said = {"kind": "frame", "asked": asked, "number": number, "position_px": where}
            known = np.isfinite(view.r_factor)
            arrays = [view.measured] if view.predicted is None else [view.measured, view.predicted]
            yield Record(said | {"r_factor": float(view.r_factor) if known else None}, arrays)

    def _not_known(self) -> dict[str, str]:
        """Planes of which there is nothing to show, and why."""
        run, image = self._run, self._image
        if run is None or image is None or (image.swept and run.result is not None):
            return {}
        return {"spread": _SPREAD} if image.swept else {"misfit": _MISFIT}


def _named(run: SeriesRun | None) -> dict[str, int | None]:
    return {"series": None, "part": 1} if run is None else {"series": run.series, "part": run.part}


def leave_cores_to_others() -> None:
    """The calling thread runs on what others leave of the cores, where one thread can be told so."""
    if sys.platform == "linux":  # elsewhere a number of `setpriority` is a process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
