"""Benchmarks: `ptychoscope bench NAME`; each file has one function of that name."""
