"""Image quality at fixed CPU budgets: every network, input, loss and head beside methods without a network.

    export PYTHONPATH=benchmarks
    python -m quality train --data DATA --records docs/quality.json
    python -m quality references --data DATA --records docs/quality.json --peer PYTHON
    python -m quality rates --data DATA --records docs/quality.json
    python -m quality page docs/quality.json docs/quality.md docs/quality.svg
    python -m quality noise --data DATA RUN docs/noise.png --peer PYTHON

One thread; pin it to a core (`taskset -c 0`) where rates are to be compared. A training that is in the
records is not repeated, so a second start goes on where the first was stopped.
"""
