"""What of the beam and the stage is mended: tried on some frames, taken where it predicts better."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.refine.defocus_trial import mean_counts_pattern, near_frames
from ptychoscope.refine.held_out_pixels import Gain, HeldOutPixels, gain
from ptychoscope.refine.low_count_bias import NONE
from ptychoscope.refine.outlier_frames import frames_apart
from ptychoscope.refine.probe_modes import with_more_modes
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan

_FRAMES = 120
_FIRST_SWEEPS, _SWEEPS = 5, 5
_MOST_MODES = 3
_MORE_MODES = 2
"""Added together: a wave trembles along both axes, and one after the other takes twice as long."""
_MARGIN_PX = 5
_DARKEST = 0.05
"""Of the pixels: a flat background cannot be more than what they count."""
_BACKGROUNDS = (0.15, 0.3, 0.4, 0.5)
"""Levels that are tried, in the counts of the darkest pixels. A level that follows the frames (expectation
maximisation) takes the light of the dark field for its own and ends half as large again, which costs more
than no background at all."""
_HIGHER_KEEPS = 0.5
"""The roots of few photons make a level too low. The highest that saves this part of what the best one does
is nearer to the truth, where the sweeps that follow are free of that bias."""


class BeamModel(NamedTuple):
    """What is mended."""

    update_probe: bool
    correct_positions: bool
    modes: int
    background: float
    """Counts in every pixel of every frame."""


class Choice(NamedTuple):
    """A model of the beam, the state it was found in, and why."""

    model: BeamModel
    probe: NDArray[np.complex64]
    """(m, P, P) complex64 after the trials."""
    gains: dict[str, Gain]
    """What each thing that was tried saved of the held-out misfit."""


class _State(NamedTuple):
    object: NDArray[np.complex64] | None
    probe: NDArray[np.complex64]
    positions: NDArray[np.float64]
    misfits: NDArray[np.float64]


def darkest_counts(scan: Scan, saturation: float | None) -> float:
    """Mean counts of the darkest pixels of the mean pattern."""
    mean = np.sort(mean_counts_pattern(scan, saturation), axis=None)
    return float(mean[: max(1, round(_DARKEST * mean.size))].mean())


class BeamTrials:
    """Tries models of the beam on the frames of `scan` nearest to its middle.

    `raise_background`: few photons will be fitted without bias by whoever takes the model.
    """

    def __init__(
        self,
        scan: Scan,
        probe: NDArray[np.complex64],
        regularisation: float,
        *,
        limit_px: float,
        saturation: float | None,
        seed: int,
        raise_background: bool = False,
    ) -> None:
        self._raise_background = raise_background
        self._scan = scan.select(near_frames(scan, _FRAMES))
        self._limit, self._regularisation, self._seed = limit_px, regularisation, seed
        self._held_out = HeldOutPixels(self._scan, saturation=saturation, seed=seed)
        self._extent: CanvasExtent = canvas_extent(
            self._scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=_MARGIN_PX + int(limit_px)
        )
        none = np.zeros(0)
        positions = self._extent.to_canvas(self._scan.positions_px)
        self._first = _State(None, probe, positions, none)
        self._darkest = darkest_counts(self._scan, saturation)

    def choose(
        self,
        *,
        update_probe: bool | None,
        correct_positions: bool | None,
        modes: int | None,
        background: bool | None,
    ) -> Choice:
        """The model that predicts best, one freedom after the other; what is not None is given."""
        given = len(self._first.probe)
        model = BeamModel(bool(update_probe), bool(correct_positions), modes or given, 0.0)
        state = self._advance(self._first, model, _FIRST_SWEEPS)
        state = self._without_wild(state, model)
        gains: dict[str, Gain] = {}
        if update_probe is None:
            model, state = self._try("probe", model._replace(update_probe=True), model, state, gains)
        if correct_positions is None:
            model, state = self._try("positions", model._replace(correct_positions=True), model, state, gains)
        while modes is None and model.update_probe and model.modes < _MOST_MODES:
            name = f"{model.modes + _MORE_MODES} modes"
            more = model._replace(modes=model.modes + _MORE_MODES)
            model, state = self._try(name, more, model, state, gains)
            if not gains[name].pays:
                break
        if background is not False:
            model, state = self._try_backgrounds(model, state, gains, forced=background is True)
        return Choice(model, state.probe, gains)

    def _try(
        self, name: str, richer: BeamModel, model: BeamModel, state: _State, gains: dict[str, Gain]
    ) -> tuple[BeamModel, _State]:
        """Both go on from `state`; the better one and where it came to."""
        with_it, without = (self._advance(state, m, _SWEEPS) for m in (richer, model))
        gains[name] = gain(without.misfits, with_it.misfits)
        return (richer, with_it) if gains[name].pays else (model, without)

    def _try_backgrounds(
        self, model: BeamModel, state: _State, gains: dict[str, Gain], *, forced: bool
    ) -> tuple[BeamModel, _State]:
        """The level that predicts best; none where none pays and none is asked for."""
        levels = [model._replace(background=part * self._darkest) for part in _BACKGROUNDS]
        tried = [(self._advance(state, m, _SWEEPS), m) for m in levels]
        left = [float(tried_state.misfits.sum()) for tried_state, _ in tried]
        best = int(np.argmin(left))
        without = self._advance(state, model, _SWEEPS)
        gains["background"] = gain(without.misfits, tried[best][0].misfits)
        if not (forced or gains["background"].pays):
            return model, without
        if self._raise_background:
            nothing = float(without.misfits.sum())
            enough = nothing - _HIGHER_KEEPS * (nothing - left[best])
            best = max([best, *(k for k, misfit in enumerate(left) if misfit < enough)])
        with_it, richer = tried[best]
        return richer, with_it

    def _advance(self, state: _State, model: BeamModel, sweeps: int) -> _State:
        probe = state.probe if len(state.probe) == model.modes else with_more_modes(state.probe, model.modes)
        refiner = Refiner(self._extent.shape, probe)
        refiner.add(self._held_out.patterns, state.positions, domain="amplitude")
        refiner.set_object(state.object)
        refiner.set_background(NONE.background(model.background, probe.shape[-1]))
        for k in range(sweeps):
            later = state.object is not None or k > 0
            refiner.sweep(
                step=1.0,
                regularisation=self._regularisation,
                probe_step=1.0 if model.update_probe and later else 0.0,
                position_step=1.0 if model.correct_positions and later else 0.0,
                position_limit_px=self._limit,
                seed=(self._seed << 20) + k,
            )
        misfits = self._held_out.misfits(refiner)
        return _State(refiner.object, refiner.probe, refiner.positions_px, misfits)

    def _without_wild(self, state: _State, model: BeamModel) -> _State:
        """The same trial without frames that stand apart, where there are any."""
        apart = frames_apart(state.misfits)
        if len(apart) == 0:
            return state
        self._held_out.leave_out(apart)
        return self._advance(self._first, model, _FIRST_SWEEPS)
