"""OpenRun: a series, or a part of it, that is being placed: in which batches, and what is noted of them."""

import numpy as np

from ptychoscope.live.capture import CaptureWriter
from ptychoscope.live.early_word import EarlyWord
from ptychoscope.live.join import Joined
from ptychoscope.live.one_series import SeriesRun
from ptychoscope.live.result_file import ResultFile
from ptychoscope.reconstruction import Reconstruction


class OpenRun:
    """Of one run, until its result.

    Parameters
    ----------
    word
        The diagnosis of its first frames; None: there is none.
    file
        Where its result is kept; None: nowhere.
    capture
        Notes what is placed; None: nothing does.
    """

    def __init__(
        self, run: SeriesRun, word: EarlyWord | None, file: ResultFile | None, capture: CaptureWriter | None
    ) -> None:
        self.run, self.word, self.file, self._capture = run, word, file, capture
        self.waiting: list[Joined] = []
        """Frames until there are enough to find the reading, or to fill a batch."""

    def place(self, joined: list[Joined], *, whole: bool = False) -> int:
        """Place what waits and `joined` in batches; in how many.

        The last one, if it is not full, is placed only when the run is `whole`.
        """
        self.waiting += joined
        run, settings, batches = self.run, self.run.settings, 0
        while run.reading is None and self.waiting and (whole or len(self.waiting) >= run.frames_needed):
            frames = run.prepare(self.waiting)
            if not frames:
                self.waiting = self.waiting[run.frames_needed :]
            elif self._capture is not None:
                self._capture.say("reading", run.name | {"frames": frames})
        if run.reading is None:
            return 0
        size = settings.batch or settings.most_batch
        while self.waiting and (whole or settings.batch is None or len(self.waiting) >= size):
            batch, self.waiting = self.waiting[:size], self.waiting[size:]
            with run.lock:  # nothing that changes the image comes between a batch and its record
                placed = run.place(batch)
                if self._capture is not None and placed:
                    numbers = np.array([pair.frame.number for pair in placed], np.int64)
                    positions = np.array([pair.position for pair in placed], np.float64)
                    self._capture.batch(run.series, run.part, numbers, positions)
            batches += 1
        if self.word is not None:
            self.word.look()
        return batches

    def close(self) -> Reconstruction | None:
        """Close the image with its sweeps, and save it; None when nothing was placed."""
        result = self.run.close()
        if self.file is not None:
            self.file.close(result)
        return result
