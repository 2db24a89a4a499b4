"""One line on a terminal that says what a run does, how far it is, and how long it will take."""

import shutil
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ptychoscope.progress import Progress

_EVERY_S = 0.2
_CELLS = 20
_ERASE = "\r\x1b[K"
_WORDS = {"choice": "choosing what to mend"}


class ProgressLine:
    """Draws the line again as the run tells it, at most five times a second; nothing unless `shown`."""

    def __init__(self, *, shown: bool) -> None:
        self.shown = shown
        self._lock = threading.Lock()
        self._first: tuple[float, Progress] | None = None
        self._last: Progress | None = None
        self._drawn_at = 0.0
        self._there = False

    def __call__(self, at: "Progress") -> None:
        """Draw how far the run is."""
        if not self.shown:
            return
        now = monotonic()
        first, last = self._first, self._last
        self._last = at
        if first is None or last is None or _begins(at, last):
            first = self._first = (now, at)
        elif now - self._drawn_at < _EVERY_S and at.done < at.of:
            return
        self._drawn_at = now
        columns = shutil.get_terminal_size().columns - 1
        with self._lock:
            self._there = True
            click.echo(
                _ERASE + progress_text(at, first[1].done, now - first[0])[:columns], err=True, nl=False
            )

    def say(self, text: str) -> None:
        """A line of its own on stderr; what is drawn gives way."""
        with self._lock:
            click.echo((_ERASE if self._there else "") + text, err=True)
            self._there = False

    def clear(self) -> None:
        """Take away what is drawn."""
        with self._lock:
            if self._there:
                click.echo(_ERASE, err=True, nl=False)
            self._there, self._first = False, None


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[ProgressLine]:
    """A line on stderr where that is a terminal and nobody wants quiet; warnings do not run into it."""
    line = ProgressLine(shown=not quiet and sys.stderr.isatty())
    show = warnings.showwarning

    def show_apart(*arguments: object) -> None:
        line.clear()
        show(*arguments)  # type: ignore[arg-type]

    if line.shown:
        warnings.showwarning = show_apart  # type: ignore[assignment]
    try:
        yield line
    finally:
        warnings.showwarning = show
        line.clear()


def _begins(at: "Progress", last: "Progress") -> bool:
    """Whether `at` counts something else than `last`."""
    return at.stage != last.stage or at.done < last.done or last.of <= 1


def progress_text(at: "Progress", before: int, seconds: float) -> str:
    """What the line says; `seconds` ago `before` were done."""
    words = _WORDS.get(at.stage, at.stage)
    if at.of <= 1:
        return words
    filled = _CELLS * at.done // at.of
    parts = [f"{words} [{'#' * filled}{'-' * (_CELLS - filled)}] {at.done}/{at.of}"]
    if at.misfit is not None:
        parts.append(f"misfit {at.misfit:.3g}")
    if at.done > before:
        parts.append(f"{duration((at.of - at.done) * seconds / (at.done - before))} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Rounded for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
