"""EarlyWord: after the first few hundred frames, whether something else explains them clearly better.

It is looked for in a thread of its own, once a series; the loop goes on. A series that ends before there are
so many is looked at in the end, where its image does not explain its frames. What is found is said with its
mend.
"""

import threading

from ptychoscope.diagnosis.quick import quick_finding
from ptychoscope.diagnosis.quick_words import Finding
from ptychoscope.live.one_series import SeriesRun
from ptychoscope.live.result_file import Say

FRAMES = 256
_BUDGET_S = 4.0
"""CPU seconds."""


class EarlyWord:
    """Looks at a series once it has enough frames."""

    def __init__(self, run: SeriesRun, say: Say) -> None:
        self._run, self._say = run, say
        self._thread: threading.Thread | None = None
        self.finding: Finding | None = None

    def look(self) -> None:
        """Begin, where there are enough frames and it was not done yet."""
        image = self._run.image
        if self._thread is None and image is not None and image.frames >= FRAMES:
            self._thread = threading.Thread(target=self._find, name="diagnosis", daemon=True)
            self._thread.start()

    def close(self, *, doubtful: bool = False) -> None:
        """Wait for the end of a look that has begun; look at a short series whose image is `doubtful`."""
        if self._thread is None and doubtful:
            self._find()
        elif self._thread is not None:
            self._thread.join()

    def _find(self) -> None:
        scan = self._run.first_scan(FRAMES)
        found = None if scan is None else quick_finding(scan, _BUDGET_S)
        if found is None:
            return
        self.finding = found
        mend = "" if found.mend is None else found.mend.orientation.text
        self._say({"event": "finding", **self._run.name, "sentence": found.sentence, "orientation": mend})
