"""Scans for the tests of training."""

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.scan import Scan


@pytest.fixture
def small_scan(rng: np.random.Generator) -> Scan:
    """36 frames of 16 px at whole pixels."""
    return make_scan(rng)
