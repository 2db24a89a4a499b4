"""Make tests/data/tiny_bundle, with which the tests of the runtime need no torch."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "export"))

from networks import TinyNetwork, gaussian_probe  # noqa: E402
from ptychoscope.export.checkpoint_to_bundle import simulated_counts  # noqa: E402
from ptychoscope.export.network_to_bundle import write_bundle  # noqa: E402

SIDE = 16

if __name__ == "__main__":
    probe = gaussian_probe(SIDE)
    write_bundle(
        TinyNetwork(SIDE), probe, simulated_counts(probe, 4), HERE / "tiny_bundle", pixel_size_m=1e-8
    )
