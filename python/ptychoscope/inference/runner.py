"""Runner: what turns patterns into patches at their positions, once a model's probe is known."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import Domain, Values

Positions = NDArray[np.float64]
"""(n, 2) object pixels, (y, x)."""


class PositionedPatches(NamedTuple):
    """Patches and where they lie."""

    patches: Any
    """As `values` says: (n, 2, H, W) planes, or (n, H, W) complex64; an `OrtValue` where it lies on a
    device."""
    values: Values
    positions_px: Positions


class Runner(Protocol):
    """A network with its probe. Thread-safe."""

    name: str
    values: Values
    """What its patches hold."""

    def positioned(
        self, patterns: NDArray[Any], domain: Domain, positions_px: Positions, *, merge: bool = False
    ) -> PositionedPatches:
        """The patches of patterns (n, P, P), negative where unmeasured, at their positions (n, 2).

        With `merge`, these frames are each other's neighbours to a network of several passes.
        """
        ...


class PatchRunner(Runner, Protocol):
    """A runner that hands patches over on the host."""

    def patches(self, patterns: NDArray[Any], domain: Domain) -> NDArray[Any]:
        """The patches of frames that know no neighbours, in the form of `values`."""
        ...
