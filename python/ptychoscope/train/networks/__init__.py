"""The registry of networks: one page each, one line here.

A network is a module `(amplitude (B, 1, P, P), probe (M, 2, P, P) or (B, M, 2, P, P), merge=None) ->
(B, 2, P, P)`: real and imaginary part of the object patch, from patterns as the square root of counts.
"""

from __future__ import annotations

from typing import Protocol

from ptychoscope.errors import ConfigError
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.networks.base import Network
from ptychoscope.train.networks.direct import INPUT_PLANES, Direct, PinnCnn
from ptychoscope.train.networks.unrolled import Pass, UNet, Unrolled

_SIDE_STEP = 16
"""The U-Net's four levels behind a two-fold space-to-depth halve the side four times."""

_REPEATING = 3
"""Passes from which on there is a middle one."""
_FURTHER = 2
"""More repetitions of the middle pass than in training, at most, unless `run_passes` says otherwise."""
_OWN_PASSES = {"fast": 1, "unrolled": 4}
"""Passes while training, unless the configuration says otherwise."""


class Builder(Protocol):
    """Makes a network for patches of `side` pixels."""

    def __call__(self, config: TrainConfig, side: int, *, for_inference: bool) -> Network:
        """The network for training, or the one `for_inference`."""


def _fast(config: TrainConfig, side: int, *, for_inference: bool) -> Network:
    if config.input == "amplitude":
        return Direct(UNet(INPUT_PLANES["amplitude"], 2, config.width), "amplitude", config.head, side)
    return _chain(config, side, _passes(config, for_inference=for_inference))


def _unrolled(config: TrainConfig, side: int, *, for_inference: bool) -> Network:
    if config.input == "amplitude":
        raise ConfigError('network "unrolled" reads the residual: leave input out, or take network "fast"')
    return _chain(config, side, _passes(config, for_inference=for_inference))


def _passes(config: TrainConfig, *, for_inference: bool) -> int:
    trained = config.passes or _OWN_PASSES[config.network]
    if trained < _REPEATING and config.run_passes not in (None, trained):
        raise ConfigError(
            f"run_passes is {config.run_passes}, but {trained} passes have no middle one to repeat: "
            f"train at least {_REPEATING}, or leave run_passes out"
        )
    if not for_inference or trained < _REPEATING:
        return trained
    return config.run_passes or trained + _FURTHER


def passes_to_choose_from(config: TrainConfig) -> range:
    """Numbers of passes that the network for inference may run: one less to two more than in training, empty
    where no pass can be repeated."""
    if config.network not in _OWN_PASSES or config.input == "amplitude":
        return range(0)
    trained = _passes(config, for_inference=False)
    return range(max(trained - 1, _REPEATING), trained + _FURTHER + 1) if trained >= _REPEATING else range(0)


def _chain(config: TrainConfig, side: int, passes: int) -> Network:
    """A first and a last pass, and between them one that is repeated with the same weights."""

    takes_coverage = passes > 1

    def one() -> Pass:
        return Pass(UNet(4 + takes_coverage, 2, config.width), config.head, takes_coverage=takes_coverage)

    if passes == 1:
        return Unrolled([one()], side)
    first, middle, last = one(), one() if passes > 2 else None, one()
    between = [] if middle is None else [middle] * (passes - 2)
    return Unrolled([first, *between, last], side)


def _pinn_cnn(config: TrainConfig, side: int, *, for_inference: bool) -> Network:  # noqa: ARG001
    reads = config.input or "amplitude"
    return Direct(PinnCnn(INPUT_PLANES[reads], config.width, config.head), reads, config.head, side)


NETWORKS: dict[str, Builder] = {
    "fast": _fast,
    "unrolled": _unrolled,
    "pinn_cnn": _pinn_cnn,
}


def build(config: TrainConfig, side: int, *, for_inference: bool = False) -> Network:
    """The network that `config` names, for patches of `side` pixels.

    With `for_inference`, the one that is validated and exported: the same weights, and more repetitions
    of the middle pass.

    Raises `ConfigError` when the name is unknown or the side does not suit it.
    """
    if config.network not in NETWORKS:
        known = ", ".join(sorted(NETWORKS))
        raise ConfigError(f"network {config.network!r} is unknown: choose one of {known}")
    if side % _SIDE_STEP:
        raise ConfigError(
            f"patterns of {side} px do not suit the networks, which halve the side four times: "
            f"{_cure(side)}, a multiple of {_SIDE_STEP}"
        )
    return NETWORKS[config.network](config, side, for_inference=for_inference)


def _cure(side: int) -> str:
    fits = side // _SIDE_STEP * _SIDE_STEP
    return f"--crop {fits} (load_scan(crop={fits}))" if fits else f"pad them to {_SIDE_STEP} px"
