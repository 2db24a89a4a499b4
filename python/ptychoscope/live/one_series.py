"""SeriesRun: one series, or a part of it, from its first frame to its result, batch by batch as they come.

The live loop and the reprocessing of a capture both go through here, which is why they give the same bits.
"""

import threading
from collections.abc import Sequence
from time import monotonic, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.errors import ConfigError
from ptychoscope.inference.model import Model
from ptychoscope.live.account import Account
from ptychoscope.live.events import SeriesStart
from ptychoscope.live.join import Joined
from ptychoscope.live.kept_frames import KeptBatch, KeptFrames
from ptychoscope.live.live_image import LiveImage, Placed
from ptychoscope.live.reading_from_first_frames import Reading, find_reading, frames_needed
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.unpack_frames import unpack
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan


class SeriesRun:
    """Places the batches of one series.

    `lock` is held while the image changes; who reads it from another thread holds it too.
    """

    def __init__(
        self,
        series: int,
        settings: LiveSettings,
        account: Account,
        *,
        part: int = 1,
        start: SeriesStart | None = None,
        model: Model | None = None,
    ) -> None:
        self.part = part
        self.series, self.settings, self.account, self.start = series, settings, account, start
        self.model = model
        self.lock = threading.RLock()
        self.reading: Reading | None = None
        self.image: LiveImage | None = None
        self.result: Reconstruction | None = None
        """Of the whole, once it is closed."""
        self.cpu_s = {"decode": 0.0, "preprocess": 0.0}
        self.last: int | None = None
        """Number of the frame that was placed last."""
        self._first: NDArray[np.float32] = np.empty((0, 1, 1), np.float32)
        self._kept = KeptFrames(settings.kept_bytes)

    @property
    def name(self) -> dict[str, int]:
        """Its series, and its part where that is not the first: in events, in captures, in the state."""
        return name_of(self.series, self.part)

    @property
    def frames_needed(self) -> int:
        """Frames by which the reading is found."""
        return frames_needed(self.settings)

    def prepare(self, first: Sequence[Joined], mends: Sequence[Orientation] = ()) -> int:
        """Find the reading on the first `frames_needed` frames, or all there are; of how many it was found.

        0 where none of them could be unpacked and holds light: these are counted, and others are to be
        tried. `mends` are those that will be found later, where that is known. Raises `ScanError` and
        `ConfigError` as `find_reading`.
        """
        pixels, good = unpack([pair.frame for pair in first[: self.frames_needed]])
        lit = _lit(pixels)
        if not lit.any():
            self.account.lose("damaged", int((~good).sum()))
            self.account.lose("dark", len(pixels))
            return 0
        frames, pixels = len(pixels), pixels[lit]
        pairs = [pair for pair, is_good in zip(first, good, strict=False) if is_good]
        told = [pair.position for pair, is_lit in zip(pairs, lit, strict=True) if is_lit]
        self.reading = find_reading(
            self.settings,
            self.start,
            pixels,
            np.array(told, np.float64),
            model_pattern_px=None if self.model is None else self.model.pattern_px,
        )
        self._first = self.reading.patterns(pixels)
        for mend in mends:
            self.reading = self.reading.mended(mend)
        return frames

    def place(self, batch: Sequence[Joined]) -> list[Joined]:
        """Put frames into the image, once it is prepared; those that could be unpacked, in their order."""
        if self.reading is None:
            raise RuntimeError("prepare() comes first")
        began = thread_time()
        pixels, good = unpack([pair.frame for pair in batch], threads=self.settings.threads)
        batch = [pair for pair, is_good in zip(batch, good, strict=True) if is_good]
        self.cpu_s["decode"] += thread_time() - began
        self.account.lose("damaged", int((~good).sum()))
        if not batch:
            return []
        began = thread_time()
        positions = np.array([pair.position for pair in batch], np.float64)
        numbers = np.array([pair.frame.number for pair in batch], np.int64)
        kept = KeptBatch(self.reading.patterns(pixels, threads=self.settings.threads), positions, numbers)
        self.cpu_s["preprocess"] += thread_time() - began
        with self.lock:
            placed = self._place(kept)
        now = monotonic()
        self.account.lose("dark", placed.dark)
        self.account.lose("outside", placed.outside)
        ready = np.array([pair.ready_s for pair in batch])
        self.account.place(now - ready[placed.kept])
        return batch

    def snapshot(self) -> Reconstruction | None:
        """What there is now; None before the first frame."""
        with self.lock:
            return None if self.image is None or not self.image.frames else self.image.snapshot()

    def close(self) -> Reconstruction | None:
        """The result of the whole; None when nothing was placed."""
        with self.lock:
            if self.image is not None and self.image.frames:
                self.result = self.image.close()
            return self.result

    def apply_mend(self, mend: Mend) -> None:
        """Place everything anew as `mend` says. Raises `ConfigError` when that cannot be done here."""
        with self.lock:
            if self.reading is None:
                raise ConfigError("nothing has been placed yet that could be mended")
            if not self._kept.complete:
                raise ConfigError(
                    "frames of this series are no longer in memory: end the run, and `ptychoscope reprocess "
                    f"CAPTURE --orientation {mend.orientation.text}` places them anew"
                )
            if mend.domain is not None or mend.bad_pixels is not None or mend.probe is not None:
                raise ConfigError(f"{mend} is not done while the scan runs: start again with it")
            self.reading = self.reading.mended(mend.orientation)
            self.image = None
            for kept in self._kept.forget_places():
                self._place(kept)

    def swap(self, model: Model) -> None:
        """Let frames from now on go through `model`, and all of them when they are placed anew.

        Raises `BundleError`, `ConfigError` as a slot does, and when it reads patterns of another size.
        """
        with self.lock:
            if self.image is not None:
                self.image.swap(model)
            elif self.model is not None and model.pattern_px != self.model.pattern_px:
                raise ConfigError(
                    f"a model that reads {self.model.pattern_px} px cannot be replaced by one of "
                    f"{model.pattern_px} px while a series begins: wait for its end"
                )
            self.model = model

    def first_scan(self, most: int) -> Scan | None:
        """The first `most` frames or so, as they are read now; None without any."""
        with self.lock:
            reading, some, frames = self.reading, [], 0
            for kept in self._kept.batches:
                some.append(kept)
                frames += len(kept.numbers)
                if frames >= most:
                    break
        if reading is None or not some:
            return None
        patterns = np.concatenate([kept.patterns for kept in some])[:most]
        positions = np.concatenate([kept.positions for kept in some])[:most]
        lit = patterns.max(axis=(1, 2)) > 0
        positions_px = reading.positions_px(positions)
        lit &= np.isfinite(positions_px).all(axis=1)
        return reading.scan(reading.with_mends(patterns[lit]), positions_px[lit]) if lit.any() else None

    def frame(self, number: int) -> NDArray[np.float32] | None:
        """(P, P) the pattern of a frame that is still in memory, as it was placed."""
        with self.lock:
            pattern = self._kept.pattern_of(number)
            if pattern is None or self.reading is None:
                return None
            placed: NDArray[np.float32] = self.reading.with_mends(pattern[None])[0]
            return placed

    @property
    def places_kept(self) -> list[tuple[int, int]]:
        """From first to stop, the places in the image of the frames that are in memory, in their order."""
        with self.lock:
            return self._kept.ranges

    def frames_at(self, first: int, stop: int) -> NDArray[np.float32] | None:
        """(n, P, P) patterns of the frames at these places, as they were placed; None if one is missing."""
        with self.lock:
            patterns = self._kept.patterns(first, stop)
            return None if patterns is None or not self.reading else self.reading.with_mends(patterns)

    def _place(self, kept: KeptBatch) -> Placed:
        reading = self.reading
        assert reading is not None  # noqa: S101
        patterns = reading.with_mends(kept.patterns)
        if self.image is None:
            given = self.settings.given_positions
            self.image = LiveImage(
                self.settings,
                reading,
                reading.with_mends(self._first),
                model=self.model,
                positions_px=None if given is None else reading.positions_px(given),
            )
        placed = self.image.add(patterns, reading.positions_px(kept.positions), kept.numbers)
        self._kept.add(kept, placed.kept)
        self.last = int(kept.numbers[-1])
        return placed


def name_of(series: int, part: int) -> dict[str, int]:
    """A series, and a part of it that is not the first, as plain numbers."""
    return {"series": series} if part == 1 else {"series": series, "part": part}


def _lit(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """(k,) whether a pixel of frames (k, H, W) holds counts; the largest number of a type is none."""
    counts = pixels > 0
    if pixels.dtype.kind == "u":
        counts &= pixels < np.iinfo(pixels.dtype).max - (pixels.dtype.itemsize > 2)
    return np.asarray(counts.any(axis=(1, 2)))
