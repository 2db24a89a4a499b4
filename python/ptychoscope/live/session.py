"""LiveSession: from sources to the image, every frame accounted for.

    a thread a source: receive, decode the wire, join   ->   bounded queue   ->   one thread: unpack, prepare,
    network, canvas or solver   ->   result file

A frame and its position are one before anything else happens. The thread that places takes what waits: one
frame when it keeps up, for the least delay; many when it is behind, for the most frames a second. With a
fixed batch it places what a replay of the file would, bit for bit.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.quick_words import Finding
from ptychoscope.errors import ConfigError, OutputError
from ptychoscope.inference.model import Model
from ptychoscope.live.account import Account
from ptychoscope.live.capture import CaptureWriter
from ptychoscope.live.capture_header import note_cut
from ptychoscope.live.early_word import EarlyWord
from ptychoscope.live.events import SeriesStart
from ptychoscope.live.join import Join, Joined
from ptychoscope.live.one_series import SeriesRun, name_of
from ptychoscope.live.place_in_batches import OpenRun
from ptychoscope.live.queues import JoinedQueue
from ptychoscope.live.receiver import Receiver
from ptychoscope.live.result_file import ResultFile, Say, file_of_series
from ptychoscope.live.series_state import SettledSeries
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.source import EventSource
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.verdict import Verdict

Phase = Literal["waiting", "running", "done", "stopped"]
"""Before the first frame; while a series is placed; after it; while nothing is taken."""
_POLL_S, _FIRST_ROOM = 0.1, 64
_GIVE_WAY_S = 0.005
NO_VERDICT = "no verdict on the image: no probe is known that predicts its frames; --probe names one"
_NOTHING: Say = lambda _: None  # noqa: E731


class LiveSession:
    """Runs until so many series are done, or it is stopped.

    Parameters
    ----------
    sources
        Of frames and of positions; closed in the end.
    output
        The result's file; None: nothing is written.
    capture
        Notes what is placed, and is closed in the end; its taps are the caller's, who makes the sources.
    series
        Ends after so many; None: goes on until it is stopped.
    say
        Is told what happens: series that begin and end, results that are saved, what the diagnosis finds.
    save_every_s
        Between two versions of the result file.
    diagnose
        Whether the first few hundred frames are looked at for a wrong orientation, scale or centre.
    """

    def __init__(
        self,
        sources: Sequence[EventSource],
        settings: LiveSettings,
        *,
        model: Model | None = None,
        output: Path | None = None,
        capture: CaptureWriter | None = None,
        series: int | None = 1,
        say: Say = _NOTHING,
        save_every_s: float = 5.0,
        diagnose: bool = True,
    ) -> None:
        self.settings, self.model, self.account = settings, model, Account()
        self._output, self._capture, self._most_series = output, capture, series
        self._say, self._save_every_s, self._diagnose = say, save_every_s, diagnose
        self.queue = JoinedQueue(
            settings.queue_frames,
            settings.queue_bytes,
            settings.keep,
            lambda count: self.account.lose("dropped", count),
        )
        join = Join(self.account, given=settings.given_positions)
        self.receiver = Receiver(sources, join, self.queue, say)
        self._stopped = threading.Event()
        self._starts: dict[int, SeriesStart] = {}
        self._parts: dict[int, int] = {}
        """Which part of a series follows, where it was cut."""
        self._open: dict[int, OpenRun] = {}
        self.run_now: SeriesRun | None = None
        """The newest series that has frames."""
        self.results: dict[int, Reconstruction] = {}
        """Of the series that was done last, by its number."""
        self.verdict: Verdict | None = None
        """On the series that was done last; None where no probe is known to predict frames with."""
        self._found: Finding | None = None
        self.series_done = 0
        self.batches = 0

    def stop(self) -> None:
        """End with what has come so far; from any thread."""
        self._stopped.set()

    def run(self, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Receive and place until the end; the account as plain numbers.

        `stop` is asked again and again. Raises `ScanError`, `ConfigError`, `OutputError` when the first
        frames, a capture or a result file cannot be dealt with; results that were saved stay.
        """
        self.receiver.start()
        try:
            self._place_all(stop)
        finally:
            self.receiver.close()
            if self._capture is not None:
                self._capture.close()
        if self.receiver.error is not None:
            raise self.receiver.error
        return self.figures()

    def figures(self) -> dict[str, Any]:
        """The account, and where the time went, as plain numbers."""
        run = self.run_now
        stages = (
            self.receiver.cpu_s | (run.cpu_s if run else {}) | (run.image.cpu_s if run and run.image else {})
        )
        placed = max(1, self.account.placed)
        return self.account.snapshot() | {
            "series": self.series_done,
            "batches": self.batches,
            "verdict": None if self.verdict is None else self.verdict.figures(),
            "waiting": len(self.queue) + sum(len(opened.waiting) for opened in list(self._open.values())),
            "cpu_us_per_frame": {name: 1e6 * spent / placed for name, spent in stages.items()},
        }

    def apply_mend(self, mend: Mend) -> None:
        """Place the present series anew as `mend` says; raises `ConfigError` when that cannot be done."""
        run = self.run_now
        if run is None:
            raise ConfigError("no frame has come yet: there is nothing to mend")
        told = run.name | {"orientation": mend.orientation.text}
        with run.lock:
            run.apply_mend(mend)
            if self._capture is not None:
                self._capture.say("mend", told)
        self._say({"event": "mended", **told})

    def swap_model(self, model: Model) -> None:
        """Let frames from now on go through `model`; raises `ConfigError`, `BundleError` as a slot does."""
        run = self.run_now
        if self.model is None:
            raise ConfigError("this run has no network that could be replaced: start one with --model")
        told = ({"series": None} if run is None else run.name) | {"bundle": str(model.path)}
        with run.lock if run is not None else nullcontext():
            if run is not None and run.series in self._open:
                run.swap(model)
            if self._capture is not None:
                self._capture.say("model", told | {"digest": model.digest})
        self.model = model
        self._say({"event": "model", **told})

    @property
    def finding(self) -> Finding | None:
        """What the diagnosis said of the newest series; when that is over, it mends nothing any more."""
        opened = self._open.get(self.run_now.series) if self.run_now else None
        if opened is None:
            return self._found
        return opened.word.finding if opened.word else None

    @property
    def phase(self) -> Phase:
        """What the session does now."""
        if self.receiver.held:
            return "stopped"
        if self.run_now is None:
            return "waiting"
        return "running" if self.run_now.series in self._open else "done"

    def hold(self) -> None:
        """End the present series with what has come, and take no new one until `resume`."""
        self.receiver.hold()
        self._say({"event": "held"})

    def resume(self) -> None:
        """Take series again."""
        self.receiver.resume()
        self._say({"event": "resumed"})

    def new_scan(self) -> None:
        """End the present scan with what was joined; what follows is another, also of the same series.

        From any thread. Without a frame in the present scan there is nothing to end, and it goes on. A series
        that has ended waits no longer for positions. Raises `ConfigError` while nothing is taken.
        """
        if self.receiver.held:
            raise ConfigError("nothing is taken now, so that no scan begins: start first")

        def note(series: int, gone: NDArray[np.bool_]) -> None:
            if self._capture is not None:
                note_cut(self._capture, series, gone)

        self.receiver.cut(note)

    def give_way(self) -> None:
        """Return when frames are waited for, or after 5 ms: whoever shares the interpreter goes on then."""
        self.queue.wait_for_pause(_GIVE_WAY_S)

    def save(self) -> None:
        """Write the present result now. Raises `OutputError`, also where there is none."""
        saved = [opened.file.save() for opened in list(self._open.values()) if opened.file is not None]
        if not any(saved):
            raise OutputError("nothing was saved: no series is open that has an image and a file (-o FILE)")

    # --- placing --------------------------------------------------------------------------------------------
    def _place_all(self, stop: Callable[[], bool]) -> None:
        ending = False
        while self._most_series is None or self.series_done < self._most_series:
            if not ending and (stop() or self._stopped.is_set() or self.receiver.error is not None):
                ending = True
                self.receiver.stop()
                self.receiver.settle()
            run = self.run_now
            most = _FIRST_ROOM if run is None or run.reading is None else self.settings.most_batch
            item = self.queue.take(most, 0.0 if ending else _POLL_S)
            if item is None and ending:
                return
            if item is None:
                for series in self.receiver.settle_silent(self.settings.idle_s):
                    self._say({"event": "silent", "series": series})
            elif isinstance(item, SeriesStart):
                self._starts[item.series] = item
                self._say({"event": "series", "series": item.series, "frames": item.frames})
            elif isinstance(item, SettledSeries):
                self._finish(item)
            else:
                self._placed(item)

    def _placed(self, joined: list[Joined]) -> None:
        series = joined[0].frame.series
        if series not in self._open:
            opened = self._begin(series)
            self._open[series] = opened
            self.run_now = opened.run  # after it is open: `phase` takes one that is not open for done
        self.batches += self._open[series].place(joined)

    def _begin(self, series: int) -> OpenRun:
        part, start = self._parts.get(series, 1), self._starts.get(series)
        run = SeriesRun(series, self.settings, self.account, part=part, start=start, model=self.model)
        file = None
        if self._output is not None:
            path = file_of_series(self._output, series, part, several=self._most_series != 1)
            file = ResultFile(path, run.name, run.snapshot, self._say, every_s=self._save_every_s)
        return OpenRun(run, EarlyWord(run, self._say) if self._diagnose else None, file, self._capture)

    def _finish(self, settled: SettledSeries) -> None:
        """Nothing of a series, or a part, follows: what waits is placed, sweeps close it, it is saved."""
        opened = self._open.get(settled.series)
        if opened is not None:
            self.batches += opened.place([], whole=True)
            result = opened.close()
            self.results = {} if result is None else {settled.series: result}
            if result is not None:
                self._say_verdict(opened.run.name, result.verdict)
            self._found = None
            del self._open[settled.series]
            if opened.word is not None:
                opened.word.close(doubtful=self.verdict is not None and self.verdict.doubtful)
                self._found = opened.word.finding
        if self._capture is not None:
            self._capture.say("done", name_of(settled.series, settled.part))
        if settled.cut:
            self._parts[settled.series] = settled.part + 1
        else:
            self._parts.pop(settled.series, None)
            self._starts.pop(settled.series, None)
            if settled.part == 1 and opened is None and not settled.arrived:
                return
            self.series_done += 1
        self._say({"event": "part done" if settled.cut else "series done", **settled.record()})

    def _say_verdict(self, of: dict[str, int], verdict: Verdict | None) -> None:
        self.verdict = verdict
        explained, sentence = (verdict.explained, verdict.sentence()) if verdict else (None, NO_VERDICT)
        self._say({"event": "verdict", **of, "explained": explained, "sentence": sentence})
