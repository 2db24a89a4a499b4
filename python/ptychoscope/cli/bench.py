"""`ptychoscope bench`: what this machine does with it, measured beside something to compare with."""

from importlib import import_module

import typer

BENCHMARKS = ("stitch", "model", "pipeline", "refine", "quality")
"""Every benchmark, a file in `ptychoscope.bench` with one function of that name."""

bench = typer.Typer(help="Measure speed and quality on this machine.", no_args_is_help=True)
for _name in BENCHMARKS:
    bench.command(_name)(getattr(import_module(f"ptychoscope.bench.{_name}"), _name))
