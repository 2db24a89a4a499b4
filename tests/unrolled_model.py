"""A network of several passes for the tests of merging, exported from torch once."""

from pathlib import Path

import pytest

from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model

UNROLLED = Path(__file__).resolve().parent / "data" / "unrolled_bundle"
"""Three passes of 16 px, briefly trained; `data/make_unrolled_bundle.py` makes it."""


@pytest.fixture(scope="session")
def unrolled() -> Model:
    """On one thread."""
    return load_model(UNROLLED, threads=1)
