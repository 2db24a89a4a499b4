"""One local cluster of two processes for all tests of this room."""

import csv
from pathlib import Path

import pytest

from ptychoscope.cluster.connect import connected
from unrolled_model import unrolled

__all__ = ["unrolled"]

pytest.importorskip("distributed", reason="series needs the extra cluster")


@pytest.fixture
def scans(call):
    """Makes so many small scans, s0.npz and so on; their names."""

    def make(count, side=6):
        names = [f"s{number}.npz" for number in range(count)]
        for seed, name in enumerate(names):
            code, _, err = call(
                f"simulate -o {name} --patch 16 --rows {side} --columns {side} --step 3 --seed {seed}"
            )
            assert code == 0, err
        return names

    return make


@pytest.fixture
def table():
    """Reads the rows of out/series.csv, by scan."""

    def read():
        with Path("out/series.csv").open(newline="") as file:
            return {row["scan"]: row for row in csv.DictReader(file)}

    return read


@pytest.fixture(scope="session")
def cluster():
    """A client of two processes on this machine."""
    with connected(workers=2) as client:
        yield client


@pytest.fixture(scope="session")
def scheduler(cluster):
    """Its address."""
    return cluster.scheduler.address
