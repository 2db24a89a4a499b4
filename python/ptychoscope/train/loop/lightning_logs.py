"""What Lightning says that helps nobody here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NOISE = (
    ".*does not have many workers.*",  # batches are cut from arrays: workers would only copy them
    ".*LeafSpec.*is deprecated.*",  # Lightning's own use of torch
    ".*exists and is not empty.*",  # the run folder, which is ours
    ".*`training_step` returned `None`.*",
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's hints on hardware and workers; its warnings and errors stay."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _NOISE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)
