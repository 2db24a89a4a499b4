"""Ctrl-C keeps what is there: the first one asks a run to stop, a second one ends the program at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code of a run that was stopped."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals(say: Callable[[str], None], *, keeps: bool = True) -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets, with a word to the user: whether what is there is kept.

    Signals are met by a thread that reads Python's wakeup descriptor, not by their handlers: those wait until
    a call into C++ returns, and a second Ctrl-C shall not. Outside of the main thread, which alone may handle
    signals, the event is never set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    before = {number: signal.signal(number, _wait_for_thread) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(write_end)
    said = f"Stopping{', and keeping what is there' if keeps else ''}; a second Ctrl-C ends at once"
    told = (read_end, stop, lambda: say(said))
    thread = threading.Thread(target=_watch, args=told, name="signals", daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(write_end)
        thread.join()
        os.close(read_end)


def _watch(read_end: int, stop: threading.Event, say: Callable[[], None]) -> None:
    while number := os.read(read_end, 1):
        if number[0] not in _SIGNALS:
            continue
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()
        say()


def _wait_for_thread(*_: object) -> None:
    """Nothing: the thread has the signal."""
