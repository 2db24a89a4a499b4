"""What is said before a run of good and of spoilt scans at few photons, within a tenth of the run.

    python benchmarks/words_at_few_photons.py [--scans 30] [--first 50000] [--most-photons 5e4] [--good-alone]

Scans of `false_alarms.py`, as they are and spoilt in ways of `silent_failures.py`. Of each it is counted
whether there is a `ScanWarning`, or numbers that photons do not tell, or nothing. No image is made.
"""

import argparse
import json
import warnings
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
from false_alarms import good_scan
from silent_failures import spoilt

from ptychoscope.pipeline.plan import make_plan
from ptychoscope.pipeline.reconstruct import say_what_explains_better
from ptychoscope.scan import Scan

FAULTS = (
    *("scale .8", "scale 1.1", "scale 1.3", "rotate 5", "rotate 10", "defocus +1", "probe scale .8"),
    *("positions swapped", "positions mirrored x", "positions half turn", "patterns rot90"),
    *("frames shifted 1", "trigger lost in mid-scan"),
)


def word(scan: Scan) -> str:
    """Whether `reconstruct(scan)` would begin with a word, and else whether something is left untold."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        untold = say_what_explains_better(make_plan(scan, None, {}, hold=True))
    return "word" if caught else "untold" if untold else "nothing"


def main() -> None:
    """Print the counts by fault, and of all faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=30)
    parser.add_argument("--first", type=int, default=50000)
    parser.add_argument("--most-photons", type=float, default=5e4)
    parser.add_argument("--good-alone", action="store_true")
    options = parser.parse_args()
    counts = defaultdict[str, Counter[str]](Counter)
    for number in range(options.first, options.first + options.scans):
        name, scan = good_scan(number, options.most_photons)
        scan = replace(scan, object=None)
        counts["good"][said := word(scan)] += 1
        if said == "word":
            print("ALARM", name, flush=True)
        if options.good_alone:
            continue
        for fault, other in spoilt(scan, np.random.default_rng(number)):
            if fault in FAULTS:
                counts[fault][word(other)] += 1
    every = sum((counts[fault] for fault in FAULTS), Counter[str]())
    print(json.dumps({**counts, "all faults": every}, indent=1))


if __name__ == "__main__":
    main()
