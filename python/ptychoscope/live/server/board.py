"""Board: what viewers are shown of a scan, in versions, put together from what the session tells.

It lives in the process of the page. All is told in the order in which it came about, and only while watched.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.live.growing_array import GrowingArray
from ptychoscope.live.server.messages import Record
from ptychoscope.live.server.r_factors import Factors
from ptychoscope.live.server.tiles import Box, TiledPlane, joined, rows_and_columns, whole_tiles
from ptychoscope.reconstruction import least_coverage

Plane = Literal["amplitude", "phase", "coverage", "spread", "misfit"]
PLANES: tuple[Plane, ...] = get_args(Plane)
_PAINT_S, _BLOCK_PAINTED = 0.05, 64
"""How long squares of R-factors are painted in a turn, and how many at a time."""
Ask = Callable[..., Sequence[Record]]


class Board:
    """Of the newest series. `lock` is held by whoever reads more than one of its fields.

    Parameters
    ----------
    ask
        Asks the session's reporter for a turn.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask, self.lock, self._turning = ask, threading.Lock(), threading.Lock()
        self.not_known: dict[Plane, str] = {}
        """Planes of which there is nothing to show, and why."""
        self._clear(None, 1)

    def _clear(self, series: int | None, part: int) -> None:
        self.series, self.part = series, part
        self.began = object()
        """Another one for every image: what is known of one says nothing of the next."""
        self.version = 0
        self.planes = {name: TiledPlane() for name in PLANES}
        self.box = Box((0, 0), (0, 0))
        self.pixel_size_m: float | None = None
        self.factors = Factors()
        self.probe: NDArray[np.complex64] | None = None
        self._numbers = GrowingArray(np.int64)
        self._positions = GrowingArray(np.float64, (2,))
        self._side = 0
        self._phase: complex = 1.0
        self.least_coverage = 0.0
        """Below which a pixel is at the faint rim, found again whenever the phase is."""

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) of the frames that are shown, in the order of placing."""
        return self._numbers.rows

    @property
    def positions_px(self) -> NDArray[np.float64]:
        """(n, 2) where they lie."""
        return self._positions.rows

    def turn(self, topics: Sequence[str], frames: Sequence[int | None] = ()) -> tuple[list[Record], Record]:
        """Bring what `topics` show up to date; the frames that were asked for, and what it cost the loop."""
        with self._turning:
            *records, cost = self._ask(topics=list(topics), frames=list(frames))
            for record in records:
                if record.header["kind"] != "frame":
                    self._take(record)
            if "image:misfit" in topics:
                self._paint_misfit(max(1, self._side // 8))
            self.not_known = cost.header["not_known"]
        return [record for record in records if record.header["kind"] == "frame"], cost

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

    # --- what is told ---------------------------------------------------------------------------------------
    def _take(self, record: Record) -> None:
        said, arrays = record
        if said["kind"] == "planes":
            self._show(tuple(said["origin_px"]), arrays, whole=said["whole"])
            return
        with self.lock:
            match said["kind"]:
                case "clear":
                    self._clear(said["series"], said["part"])
                case "image":
                    self.pixel_size_m, self._side = said["pixel_size_m"], said["side"]
                    self.probe = arrays[0] if arrays else None
                case "places":
                    numbers, positions = arrays
                    self._numbers.append(numbers)
                    self._positions.append(positions)
                    self.factors.extend(len(numbers))
                    self.box = joined(self.box, whole_tiles(rows_and_columns(positions, 0)))
                case "factors":
                    self.version += 1
                    self.factors.put(said["first"], arrays[0], self.version)

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

    def _show(self, origin_px: tuple[int, int], arrays: Sequence[NDArray[Any]], *, whole: bool) -> None:
        """Put a region, or the whole, padded to whole tiles by what is known, into all planes."""
        object_, coverage, spread = arrays
        seen = coverage > 0
        if whole:
            self.least_coverage = least_coverage(coverage)
            total = complex(object_[seen & (coverage >= self.least_coverage)].sum())
            self._phase = total / abs(total) if total else 1.0
        made: dict[Plane, NDArray[np.float32]] = {
            "amplitude": np.abs(object_),
            "phase": np.angle(object_ * np.complex64(np.conj(self._phase))),
            "coverage": coverage,
            "spread": spread,
        }
        (row, column), (height, width) = origin_px, object_.shape
        box = whole_tiles((row, row + height, column, column + width))
        y, x = origin_px[0] - box.origin_px[0], origin_px[1] - box.origin_px[1]
        with self.lock:
            self.version += 1
            for name, values in made.items():
                padded = np.full(box.shape, np.nan, np.float32)
                padded[y : y + height, x : x + width] = np.where(seen, values, np.nan)
                self.planes[name].put(padded, box.origin_px, self.version)
            self.box = joined(self.box, box)
