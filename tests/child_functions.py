"""What tests call in child processes: functions that read well, and functions that do not."""

import os
import signal
import time
import warnings

import numpy as np

from ptychoscope import load_scan
from ptychoscope.errors import ResultError, ScanError, ScanWarning


def echo(**arguments):
    return {}, arguments


def arrays():
    grid = np.arange(12.0).reshape(3, 4)
    return {
        "turned": grid.T, "part": grid[::2, 1::2], "number": np.array(2.5), "nothing": np.empty((0, 3)),
        "complex": np.ones((2, 2), np.complex64) * 1j, "bool": np.array([True, False]),
        "text": np.array(["ä", "bc"]), "large": np.arange(10**6), "big_endian": np.arange(3, dtype=">u2"),
    }, {"π": [1, None, {"a": 0.1}]}  # fmt: skip


def objects():
    return {"bad": np.array([None])}, {}


def no_json():
    return {}, {"bad": object()}


def fail(kind, text):
    raise {"ours": ResultError, "scan": ScanError, "foreign": ZeroDivisionError}[kind](text)


def warn():
    warnings.warn("a word", ScanWarning, stacklevel=1)
    warnings.warn("none of ours", DeprecationWarning, stacklevel=1)
    print("not the answer", flush=True)
    os.write(1, b"nor this")
    return {}, {}


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    os._exit(3)


def sleep():
    time.sleep(60)


def loop():
    while True:
        pass


def swell():
    return {"much": np.ones(2**28)}, {}


def die_on_s0(path):
    """Read a scan, but for s0.npz: count one more death beside it, and die."""
    if path.name == "s0.npz":
        with path.with_name("s0.npz.deaths").open("ab") as file:
            file.write(b".")
        os.kill(os.getpid(), signal.SIGKILL)
    return load_scan(path)
