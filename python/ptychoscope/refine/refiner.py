"""Refiner: the Python face of the C++ solver."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope import _core
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import Domain, SweepMode, one_of
from ptychoscope.preprocess.unmeasured_pixels import amplitudes, mark_unmeasured
from ptychoscope.refine.refiner_arguments import Scratch, check_room, core_errors, frame_numbers, probe_modes
from ptychoscope.refine.sweep_findings import PixelSums, Sweep


class Refiner:
    """An object, a probe and frames in memory; each sweep visits frames once, by sequential rPIE.

    The sweep is defined in docs/refine.md and csrc/include/ptychoscope/refiner.h. The bits of the result
    depend on the instruction set and the seeds, not on `threads`.

    Parameters
    ----------
    shape
        (H, W) of the object in pixels, at least the probe's side.
    probe
        (P, P) or (m, P, P) complex, m incoherent modes centred at [P // 2, P // 2]; its summed intensity is
        the photons per pattern.
    threads
        Threads of the sweeps.
    scratch
        Where frames lie; None: in memory. No bit depends on it.

    Raises
    ------
    ConfigError
        P that is not 2 to 4096 with prime factors of at most 13; more memory than this machine has.
    ScanError
        The probe is not finite or zero everywhere.
    """

    def __init__(
        self, shape: tuple[int, int], probe: NDArray[Any], *, threads: int = 1, scratch: Scratch | None = None
    ) -> None:
        probe = probe_modes(probe)
        modes, side, _ = probe.shape
        check_room(shape, modes, side)
        with core_errors(ConfigError):
            self._core = _core.Refiner(side, shape[0], shape[1], modes, threads)
        if scratch is not None:
            with core_errors():
                self._core.keep_frames_in(str(scratch.folder), scratch.memory_bytes)
        self.shape = (int(shape[0]), int(shape[1]))
        self.set_probe(probe)

    def __repr__(self) -> str:
        return f"Refiner({self._core.frames} frames on {self.shape[0]} x {self.shape[1]} px)"

    def __len__(self) -> int:
        return int(self._core.frames)

    @property
    def growth_step(self) -> int:
        """What pixels that are put before the first row or column must be a multiple of (`grow`)."""
        return int(self._core.growth_step)

    def grow(self, top: int, left: int, bottom: int, right: int) -> None:
        """Put as many pixels of 1 around the object; frames keep their place on it.

        Positions to come count from the new corner. `top` and `left` are multiples of `growth_step`: then
        every sweep goes on, bit for bit, as if the object had been that large from the start. Coverage and
        spread are zeros until the next sweep that finds them. Raises `ConfigError`.
        """
        height, width = self.shape[0] + top + bottom, self.shape[1] + left + right
        check_room((height, width), *self.probe.shape[:2])
        with core_errors(ConfigError):
            self._core.grow(top, left, bottom, right)
        self.shape = (height, width)

    def set_object(self, object_: NDArray[Any] | None = None) -> None:
        """Start from `object_` (H, W) complex; from 1 everywhere when None. Raises `ScanError`."""
        start = np.ones(self.shape, np.complex64) if object_ is None else np.asarray(object_)
        with core_errors():
            self._core.set_object(start.astype(np.complex64))

    def set_probe(self, probe: NDArray[Any]) -> None:
        """Go on with another `probe` of the same shape. Raises `ScanError`."""
        with core_errors():
            self._core.set_probe(probe_modes(probe))

    def set_positions(self, positions_px: NDArray[np.float64]) -> None:
        """Put all frames that can be used at `positions_px` (n, 2), as if they had been added there.

        Raises `ScanError` for a window that would leave the object, and then nothing has moved.
        """
        with core_errors():
            self._core.set_positions(np.asarray(positions_px, np.float64))

    def add_counts(self, counts: float) -> None:
        """Add `counts` to every measured pixel; none falls below 0. Raises `ConfigError`."""
        with core_errors(ConfigError):
            self._core.add_counts(counts)

    def set_background(self, background: NDArray[Any] | None) -> None:
        """Expect `background` (P, P) counts in every frame besides the waves; None: nothing.

        Zero frequency in the middle, finite, 0 or more; I = sum |U|^2 + b. Raises `ScanError`.
        """
        with core_errors():
            self._core.set_background(None if background is None else np.asarray(background, np.float32))

    def set_aside(self, frames: NDArray[Any] | Sequence[int], aside: bool = True) -> None:
        """Take `frames` out of the sweeps, or with `aside=False` put them back.

        `frames` are their numbers, or a mask (n,) of all frames. Examined sweeps go on to find their misfit;
        they count for nothing else. Frames that cannot be used stay what they are. Raises `ConfigError`.
        """
        self._core.set_aside(frame_numbers(frames, len(self)), aside)

    def add(
        self,
        patterns: NDArray[Any],
        positions_px: NDArray[Any],
        *,
        domain: Domain,
        bad_pixels: NDArray[np.bool_] | None = None,
        saturation: float | None = None,
    ) -> NDArray[np.uint8]:
        """Add frames; returns their state (n,), an index into `FRAME_STATES`.

        Parameters
        ----------
        patterns
            (n, P, P), zero frequency at [P // 2, P // 2]. Negative or non-finite pixels are unmeasured.
        positions_px
            (n, 2) as (y, x) of the window's centre [P // 2, P // 2], in pixels of the object array.
        domain
            `counts` or `amplitude`.
        bad_pixels
            (P, P), True where the detector measures nothing. Unmeasured pixels keep the model's own wave.
        saturation
            Pixels at or above this value, in the units of `patterns`, are unmeasured.

        Raises
        ------
        ScanError
            Shapes that do not belong together.
        ConfigError
            An unknown domain or a saturation that is not positive.
        """
        patterns, positions = np.asarray(patterns), np.asarray(positions_px, np.float64)
        if patterns.ndim != 3:
            raise ScanError(f"patterns must be (n, P, P), got {patterns.shape}")
        ready = domain == "amplitude" and patterns.dtype == np.float32
        ready = ready and bad_pixels is None and saturation is None
        modulus = patterns if ready else amplitudes(mark_unmeasured(patterns, bad_pixels, saturation), domain)
        before = len(self)
        with core_errors():
            self._core.add_frames(modulus, positions)
        return self._core.states_from(before)

    def sweep(  # noqa: PLR0913  (what a sweep can do, by name alone)
        self,
        *,
        step: float,
        regularisation: float,
        probe_step: float = 0.0,
        position_step: float = 0.0,
        position_limit_px: float = 2.0,
        visit_decay: float = 0.0,
        momentum: float = 0.0,
        background_step: float = 0.0,
        background_whole: bool = False,
        mode: SweepMode = "sequential",
        first: int = 0,
        last: int | None = None,
        seed: int = 0,
    ) -> Sweep:
        """Visit frames `first` <= k < `last` (None: all) once, in an order drawn from `seed`.

        Parameters
        ----------
        step
            Of the object, above 0 and at most 2.
        regularisation
            rPIE's alpha, above 0 and at most 2: small trusts every frame, large averages noise away.
        probe_step
            0 keeps the probe; 1 moves it to the least squares of the frames just visited, up to sixteen times
            in a sweep.
        position_step
            0 keeps positions; 1 is a Gauss-Newton step for every frame at the end of the sweep. The mean move
            is taken out, since the object would follow it.
        position_limit_px
            How far a position may go from where it was added, along each axis.
        visit_decay
            The step of a frame's k-th visit is `step` / k^visit_decay, so that frames that are visited often,
            as in a moving window, settle.
        momentum
            0, or below 1: after a sequential sweep the object goes on by momentum v, where
            v = momentum v + what the sweep changed. A sweep without forgets v. It carries slow waves of the
            phase on; a last sweep without it settles. Heavy ball: Polyak, 1964.
        background_step
            0 keeps the background; from 0 to 2: after the sweep it is multiplied by the mean of A^2 / I over
            the frames, to this power; 1 is expectation maximisation for Poisson counts. Pixels at 0 stay.
        background_whole
            One factor for all pixels: the background keeps its shape.
        mode
            `sequential`: every visit moves the object. `averaged`: the object becomes the |P|^2-weighted mean
            of the corrected patches. `examined`: it stays; misfit, coverage, spread, pixel sums are found.

        Raises `ConfigError` for values outside their range.
        """
        options = _core.SweepOptions()
        options.step, options.regularisation, options.momentum = step, regularisation, momentum
        options.probe_step, options.position_step = probe_step, position_step
        options.position_limit_px, options.visit_decay, options.seed = position_limit_px, visit_decay, seed
        options.background_step, options.background_whole = background_step, background_whole
        options.mode = _core.SweepMode.__members__[one_of("mode", mode, SweepMode)]
        with core_errors(ConfigError):
            report = self._core.sweep(options, first, len(self) if last is None else last)
        return Sweep(report.misfit, report.frames, report.rejected, report.moved_rms_px)

    def blend(self, patches: NDArray[Any], *, first: int) -> None:
        """Blend `patches` (n, P, P) of frames `first`, `first` + 1 ... into the object: a start for them.

        Bilinear, weighted by |P|^2 against what was blended at the same place before. Raises `ConfigError`.
        """
        with core_errors(ConfigError):
            self._core.blend(np.asarray(patches, np.complex64), first)

    @property
    def object(self) -> NDArray[np.complex64]:
        """(H, W) complex64, a copy."""
        return self._core.object

    def object_region(self, region: tuple[int, int, int, int]) -> NDArray[np.complex64]:
        """(h, w) complex64, a copy of (row0, row1, column0, column1) alone. Raises `ConfigError`."""
        with core_errors(ConfigError):
            return self._core.object_region(*region)

    @property
    def probe(self) -> NDArray[np.complex64]:
        """(m, P, P) complex64, a copy."""
        return self._core.probe

    @property
    def coverage(self) -> NDArray[np.float32]:
        """(H, W) sum of |P|^2 over the frames of the last averaged or examined sweep; zeros before."""
        return self._core.coverage

    @property
    def spread(self) -> NDArray[np.float32]:
        """(H, W) weighted standard deviation of the corrected patches from the object, in the same sweep."""
        return self._core.spread

    @property
    def background(self) -> NDArray[np.float32] | None:
        """(P, P) float32 counts, a copy; None without."""
        return self._core.background

    @property
    def pixel_sums(self) -> PixelSums:
        """Of the last examined sweep, or the last one with a `background_step`; zeros before."""
        return PixelSums(*self._core.pixel_sums)

    @property
    def states(self) -> NDArray[np.uint8]:
        """(n,) index into `FRAME_STATES`."""
        return self._core.states

    def order(self, *, seed: int = 0, first: int = 0, last: int | None = None) -> list[int]:
        """Frames in the order in which a sweep with `seed` counts them. Raises `ConfigError`."""
        with core_errors(ConfigError):
            return list(self._core.order(seed, first, len(self) if last is None else last))

    @property
    def positions_px(self) -> NDArray[np.float64]:
        """(n, 2) float64 as they are now, a copy."""
        return self._core.positions

    def predicted(self, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Counts that object, probe and background predict for frames `first` <= k < `last` (None: all).

        Returns (n, P, P) float32, zero frequency at [P // 2, P // 2], at the positions and in the fractions
        of a pixel that a sweep uses; 0 for frames that are unplaced, outside or dark. Raises `ConfigError`.
        """
        with core_errors(ConfigError):
            return self._core.predicted(first, len(self) if last is None else last)

    @property
    def misfits(self) -> NDArray[np.float64]:
        """(n,) misfit of each frame at its last visit; NaN before the first."""
        return self._core.misfits

    def r_factors(self, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """(n,) sum |A - sqrt I| / sum A over measured pixels, or NaN, as `predicted`; a sweep goes first."""
        with core_errors(ConfigError):
            return self._core.r_factors(first, len(self) if last is None else last)
