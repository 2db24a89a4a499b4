"""A result of an image that somebody else made."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.reconstruction import Reconstruction


def result_of(image: NDArray[Any], **fields: Any) -> Reconstruction:
    """The result whose object is `image`, seen alike everywhere; `fields` are those of `Reconstruction`."""
    even: dict[str, Any] = {
        "coverage": np.ones(image.shape, np.float32),
        "spread": np.zeros(image.shape, np.float32),
        "origin_px": (0, 0),
        "pixel_size_m": None,
        "positions_px": np.zeros((1, 2)),
    }
    return Reconstruction(object=image, **(even | fields))
