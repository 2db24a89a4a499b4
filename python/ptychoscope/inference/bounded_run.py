"""Running graphs that nobody vouches for yet: within bounds of memory and time, and Ctrl-C ends it.

A graph of a few bytes may unfold to any number of values and take any time. Between two operators onnxruntime
can be told to end; within one it cannot, so the work is done in a thread of its own, which is left to itself
when the bounds are passed.
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from time import monotonic
from typing import TypeVar

from ptychoscope.errors import BundleError
from ptychoscope.inference.session import Session

Result = TypeVar("Result")

_SPARE_BYTES = 2 << 30
_MOST_S = 300.0
_TOO_LARGE = (
    "a few frames of this size take more memory than any network for diffraction patterns needs: use another "
    "graph"
)
_LOOK_EVERY_S = 0.02


def run_bounded(work: Callable[[], Result], sessions: Iterable[Session], *, limit_bytes: int) -> Result:
    """What `work`, which runs these `sessions`, returns or raises.

    Raises `BundleError` when the process grows by more than `limit_bytes` meanwhile, or after five minutes.
    """
    future: Future[Result] = Future()
    least, began = _resident_bytes(), monotonic()
    threading.Thread(target=_fulfil, args=(future, work), name="bounded", daemon=True).start()
    try:
        while not wait([future], _LOOK_EVERY_S).done:
            now = _resident_bytes()
            least = min(least, now)  # what others give back meanwhile must not hide what is taken
            _check(now - least, limit_bytes, monotonic() - began)
    finally:
        if not future.done():
            for session in sessions:
                session.stop()
    try:
        return future.result()
    except MemoryError as error:
        raise BundleError(f"{_TOO_LARGE} ({error})") from error


def _check(grown_bytes: int, limit_bytes: int, took_s: float) -> None:
    if grown_bytes > limit_bytes:
        raise BundleError(f"{_TOO_LARGE} (more than {limit_bytes / 2**30:.1f} GiB)")
    if took_s > _MOST_S:
        raise BundleError(
            f"the graph takes more than {_MOST_S:.0f} s for a few frames: use more threads or another network"
        )


def memory_limit(graph_bytes: int, frames: int, size_px: tuple[int, int]) -> int:
    """Bytes that a graph may take for `frames` of this size, at most three quarters of this machine's.

    Activations of 4 KiB a pixel are more than any network needs.
    """
    needed = _SPARE_BYTES + 16 * graph_bytes + (frames * size_px[0] * size_px[1] << 12)
    return min(needed, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4)


def _fulfil(future: "Future[Result]", work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # raised where `run_bounded` waits
        future.set_exception(error)


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
