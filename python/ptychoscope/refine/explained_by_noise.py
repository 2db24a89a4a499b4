"""How near a few sweeps with the beam as it is given come to what photon noise alone would leave."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.photon_noise import noise_misfit
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.refine.defocus_trial import mean_counts_pattern, near_frames
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.scan import Scan

_FRAMES, _SWEEPS = 64, 5
_EXPLAINED = 2.0
"""Times the noise, in the midst of five sweeps. Scans whose beam is as given leave .8 to 1.1, or 2.8 at 1e7
photons, which have no noise to speak of; one mode of three, a probe 20 % or positions 1 px wrong 5 to 8."""


def explained_by_noise(scan: Scan, probe: NDArray[Any], *, saturation: float | None = None) -> bool:
    """Whether `probe` (m, P, P) and the positions explain frames near the middle but for photon noise.

    Pixels at or above `saturation`, in the units of the patterns, are unmeasured. Costs what a sweep over a
    few hundred frames does.
    """
    some = scan.select(near_frames(scan, _FRAMES))
    extent = canvas_extent(some.positions_px, (scan.patch_px, scan.patch_px))
    refiner = Refiner(extent.shape, probe)
    patterns = measured_amplitudes(some, slice(0, len(some)), saturation=saturation)
    refiner.add(patterns, extent.to_canvas(some.positions_px), domain="amplitude")
    plan = schedule(scan.mean_counts, _SWEEPS)
    left = 0.0
    for k, (step, momentum) in enumerate(zip(plan.steps, plan.momenta, strict=True)):
        left = refiner.sweep(step=step, regularisation=plan.regularisation, momentum=momentum, seed=k).misfit
    noise = noise_misfit(np.asarray(mean_counts_pattern(some, saturation)))
    return noise > 0 and left < _EXPLAINED * noise
