"""`ptychoscope bench`: what this machine does with it, measured beside something to compare with."""

from ptychoscope.cli.click_helpers import FileGroup

BENCHMARKS = ("stitch", "model", "pipeline", "refine", "quality")
"""Every benchmark, a file in `ptychoscope.bench` with one function of that name."""

bench = FileGroup(
    package="ptychoscope.bench",
    files=BENCHMARKS,
    name="bench",
    help="Measure speed and quality on this machine.",
)
