"""A mutation fuzzer over every reader: an error of ours, the same scan, or other numbers of the same shape.

What has a checksum (NPZ) never gives another scan without a word. Numbers without one, such as plain pixels,
cannot tell that they were changed.
"""

from collections import Counter

import pytest

from mutated_scans import CHECKED, KINDS, Mutator
from ptychoscope.io import look_in_child

COUNTS = dict.fromkeys(KINDS, 500) | {"npz": 2000, "npz-z": 1500}


def _outcomes(kind, folder, seeds):
    mutator = Mutator(kind, folder)
    return Counter(mutator.outcome(seed) for seed in seeds)


@pytest.fixture(autouse=True)
def short_looks(monkeypatch):
    monkeypatch.setattr(look_in_child, "TIME_LIMIT_S", 3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_some_mutations(tmp_path, kind):
    outcomes = _outcomes(kind, tmp_path, range(40))
    assert sum(outcomes.values()) == 40
    if kind in CHECKED:
        assert not outcomes["other"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_mutations(tmp_path, kind):
    assert sum(COUNTS.values()) >= 10_000
    outcomes = _outcomes(kind, tmp_path, range(1000, 1000 + COUNTS[kind]))
    assert outcomes["ScanError"] > COUNTS[kind] // 4
    if kind in CHECKED:
        assert not outcomes["other"]
