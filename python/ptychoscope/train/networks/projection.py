"""No network at all: the parallel modulus projection that every network is judged against."""

from __future__ import annotations

from ptychoscope.train.networks.base import Network


class Projection(Network):
    """`warm_up` full steps along the residual and nothing else, with the merge between them.

    Parallel error reduction with the probe known, heavy-ball momentum on the object (Polyak, 1964).
    """

    def __init__(self, side: int, passes: int) -> None:
        super().__init__(side, 0, passes)
