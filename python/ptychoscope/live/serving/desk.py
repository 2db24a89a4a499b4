"""Desk: what the buttons do, and what is shown beside them of the session, in plain JSON."""

from collections import deque
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from ptychoscope.diagnosis.quick_words import Finding
from ptychoscope.errors import ConfigError
from ptychoscope.live.open_session import load_live_model
from ptychoscope.live.server.packing import finite
from ptychoscope.live.session import LiveSession

_RATE_S = 2.0
_EDGES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
"""Of the latency's histogram that Prometheus reads."""


class Desk:
    """Of one session.

    Parameters
    ----------
    models
        Folder of the bundles that may be swapped to; None: none may.
    """

    def __init__(self, session: LiveSession, models: Path | None) -> None:
        self.session, self._models, self._lock = session, models, Lock()
        self._placed: deque[tuple[float, int]] = deque([(monotonic(), session.account.placed)])
        self._mended: Finding | None = None

    def rate_hz(self) -> float:
        """Frames placed a second, over the last two seconds or since the last question."""
        now, placed = monotonic(), self.session.account.placed
        with self._lock:
            self._placed.append((now, placed))
            while len(self._placed) > 2 and now - self._placed[1][0] > _RATE_S:
                self._placed.popleft()
            before_s, before = self._placed[0]
        return (placed - before) / (now - before_s) if now > before_s else 0.0

    @property
    def models(self) -> list[str]:
        """Names of the bundles that may be swapped to."""
        if self._models is None or self.session.model is None:
            return []
        return sorted(path.parent.name for path in self._models.glob("*/model.json"))

    def state(self) -> dict[str, Any]:
        """All that is known of the session, as plain JSON."""
        session = self.session
        run, model, finding = session.run_now, session.model, session.finding
        known = run is not None and run.reading is not None
        return {
            "series": None if run is None else run.series,
            "part": 1 if run is None else run.part,
            "state": session.phase,
            "frames_expected": None if run is None or run.start is None else run.start.frames,
            "pixel_size_m": run.reading.pixel_size_m if known and run and run.reading else None,
            "figures": session.figures(),
            "rate_hz": self.rate_hz(),
            "misfit": finite(None if run is None or run.image is None else run.image.misfit),
            "model": None if model is None else {"name": model.path.name, "digest": model.digest},
            "models": self.models,
            "mend": self._mend(finding),
            "verdict": self._verdict(finding),
        }

    def numbers(self) -> dict[str, Any]:
        """What Prometheus is told."""
        counts = self.session.account.latency_cumulative(_EDGES_S)
        latency = list(zip(_EDGES_S, counts, strict=True))
        return {"figures": self.session.figures(), "latency": latency, "rate_hz": self.rate_hz()}

    def _verdict(self, finding: Finding | None) -> dict[str, str] | None:
        """On the series that is done, with what mends the next; before that, what the diagnosis found."""
        verdict = self.session.verdict if self.session.phase == "done" else None
        if verdict is not None:
            cure = ""
            if verdict.doubtful and finding is not None and finding is not self._mended:
                steps = "" if finding.mend is None else finding.mend.orientation.text
                cure = f"; {finding.sentence}" + (
                    f"; start again with --orientation {steps}" if steps else ""
                )
            return {"word": verdict.explained, "sentence": verdict.sentence() + cure}
        return None if finding is None else {"word": "doubtful", "sentence": finding.sentence}

    def mend(self) -> None:
        """Apply what the state says would be better; raises `ConfigError`."""
        finding = self.session.finding
        if finding is None or self._mend(finding) is None or finding.mend is None:
            raise ConfigError("nothing was found that could be mended")
        self.session.apply_mend(finding.mend)
        self._mended = finding

    def swap_model(self, name: str) -> None:
        """Let frames go through the bundle of that name; raises `ConfigError`, `BundleError`."""
        if self._models is None:
            raise ConfigError("no model may be swapped to: start with --models FOLDER, which holds bundles")
        if name not in self.models:
            raise ConfigError(f"{name!r} is none of the models that may be swapped to: {self.models}")
        model = load_live_model(self._models / name, self.session.settings.threads)
        if model is not None:
            self.session.swap_model(model)

    def _mend(self, finding: Finding | None) -> dict[str, Any] | None:
        if (
            self.session.phase != "running"
            or finding is None
            or finding.mend is None
            or finding is self._mended
        ):
            return None
        return {"what": finding.sentence, "gain": None, "orientation": finding.mend.orientation.text}
