"""The registry of networks: one page each, one line here.

A network is a module `(amplitude (B, 1, P, P), probe (M, 2, P, P) or (B, M, 2, P, P), merge=None) ->
(B, 2, P, P)`: real and imaginary part of the object patch, from patterns as the square root of counts.
"""

from __future__ import annotations

from collections.abc import Callable

from ptychoscope.errors import ConfigError
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.networks.base import Network
from ptychoscope.train.networks.unet import UNet
from ptychoscope.train.networks.unrolled import Pass, Unrolled

_SIDE_STEP = 16
"""Four levels behind a two-fold space-to-depth halve the side four times."""


def _unrolled(passes: int) -> Callable[[TrainConfig, int], Network]:
    def build(config: TrainConfig, side: int) -> Network:
        count = config.passes or passes
        return Unrolled([Pass(UNet(4, 2, config.width), config.head) for _ in range(count)], side)

    return build


NETWORKS: dict[str, Callable[[TrainConfig, int], Network]] = {
    "unet": _unrolled(1),
    "unrolled": _unrolled(3),
}


def build(config: TrainConfig, side: int) -> Network:
    """The network that `config` names, for patches of `side` pixels.

    Raises `ConfigError` when the name is unknown or the side does not suit it.
    """
    if config.network not in NETWORKS:
        known = ", ".join(sorted(NETWORKS))
        raise ConfigError(f"network {config.network!r} is unknown: choose one of {known}")
    if side % _SIDE_STEP:
        raise ConfigError(
            f"patterns of {side} px do not suit the networks, which halve the side four times: "
            f"crop or pad to a multiple of {_SIDE_STEP} px"
        )
    return NETWORKS[config.network](config, side)
