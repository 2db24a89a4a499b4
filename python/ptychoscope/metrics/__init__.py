"""Figures of merit of a reconstruction against a truth, each with its definition and source.

`compare` brings both into one frame (by their `origin_px`), chooses the area, aligns and scores. `score`
scores two images that already lie on each other. Without a truth, `compare` two reconstructions of half the
data each and read the half-bit resolution; `diffraction_r_factor` asks the measured patterns themselves.

The area is every pixel whose coverage is at least half the median coverage of the covered pixels, in both
images, among the scan positions: not beyond the outermost of them, unless rows and columns are asked for.
"""

from ptychoscope.metrics.align import complex_factor, phase_ramp, registration
from ptychoscope.metrics.comparison import Comparison, compare
from ptychoscope.metrics.diffraction import (
    diffraction_deviance,
    diffraction_r_factor,
    poisson_deviance,
    r_factor,
)
from ptychoscope.metrics.frc import RingCorrelation, ring_correlation
from ptychoscope.metrics.score import Score, psnr_db, score, ssim

__all__ = [
    "Comparison",
    "RingCorrelation",
    "Score",
    "compare",
    "complex_factor",
    "diffraction_deviance",
    "diffraction_r_factor",
    "phase_ramp",
    "poisson_deviance",
    "psnr_db",
    "r_factor",
    "registration",
    "ring_correlation",
    "score",
    "ssim",
]
