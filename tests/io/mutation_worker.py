"""Reads mutated results one after the other, and says of each what came of it: a line a seed.

Run by `test_result_mutations.py` in a process of its own, because a mutated HDF5 file may end or hang the
process. What `load_reconstruction` would do in a child is done here, with the limits of a child, so that
thousands of mutations need no thousands of processes.
"""

import json
import random
import resource
import signal
import sys
import warnings
from pathlib import Path

from ptychoscope.errors import PtychoscopeError, ScanWarning
from ptychoscope.io import load_reconstruction
from ptychoscope.io.results import read_hdf5
from ptychoscope.io.results.arrays_and_json import to_fields

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import spoil
from peak_memory import peak_kb

LIMIT_S = 3.0
"""CPU time, so that a busy machine ends nobody."""


def here(function, path):
    """In place of a child: foreign errors become ours, as there."""
    try:
        return function(str(path))
    except PtychoscopeError:
        raise
    except Exception as error:
        raise read_hdf5.ResultError(f"in the child: {type(error).__name__}") from error


def content(result):
    arrays, facts = to_fields(result)
    return {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}, json.dumps(facts)


def outcome(path, right):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = content(load_reconstruction(path))
        except PtychoscopeError:
            return "error"
        except Exception as error:
            return f"foreign: {type(error).__name__}: {error}"
    if any(issubclass(one.category, ScanWarning) for one in said):
        return "word"
    return "same" if found == right else "silently different"


def main(good, folder, first, last):
    data, right = Path(good).read_bytes(), content(load_reconstruction(good))
    read_hdf5._in_child = here
    path = Path(folder) / f"mutated{Path(good).suffix}"
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    for seed in range(int(first), int(last)):
        path.write_bytes(spoil(data, random.Random(seed)))
        print(seed, end=" ", flush=True)
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        print(outcome(path, right))
        signal.setitimer(signal.ITIMER_PROF, 0)
    print("peak", peak_kb())


if __name__ == "__main__":
    main(*sys.argv[1:])
