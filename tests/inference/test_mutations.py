"""Damaged bundles give errors of ours alone, or they load the very same model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bundles import TINY
from mutations import Forger
from ptychoscope.errors import BundleError
from ptychoscope.inference.bundle import Bundle, read_bundle
from ptychoscope.inference.load import load_model

pytestmark = pytest.mark.filterwarnings("ignore:Reading `.npy`")  # of a header that Python 2 wrote
SEED = 20261130


@pytest.fixture(scope="module")
def whole() -> Bundle:
    return read_bundle(TINY)


def check(folder: Path, whole: Bundle, seeds: range) -> None:
    out, forger = Path(shutil.copytree(TINY, folder / "bundle")), Forger(TINY)
    refused = 0
    for seed in seeds:
        signed = forger.write(out, seed)
        try:
            model = load_model(out, threads=1)
        except BundleError:
            refused += 1
            continue
        if not signed:
            assert model.digest == whole.digest, seed
        got = model.predict(whole.golden_counts, domain="counts", runner="graph")
        assert np.abs(got - whole.golden_object).max() <= whole.config.golden.tolerance, seed
    assert len(seeds) / 3 < refused < len(seeds)


def test_150_damaged_bundles(tmp_path: Path, whole: Bundle) -> None:
    check(tmp_path, whole, range(SEED, SEED + 150))


@pytest.mark.slow
def test_2000_damaged_bundles(tmp_path: Path, whole: Bundle) -> None:
    check(tmp_path, whole, range(SEED + 1000, SEED + 3000))
