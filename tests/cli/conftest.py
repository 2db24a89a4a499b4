"""A scan to run."""

from collections.abc import Callable

import pytest


@pytest.fixture
def run(call: Callable[[str], tuple[int, str, str]]) -> Callable[[str], tuple[int, str, str]]:
    """Run a command line in a folder with scan.npz; its exit code, and what it wrote to both streams."""
    call("simulate -o scan.npz --patch 16 --rows 9 --columns 9 --step 3 --jitter 1 --sub-pixel")
    return call
