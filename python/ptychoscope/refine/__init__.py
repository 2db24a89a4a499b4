"""Refine: a solver's image at the detector's rate, without torch."""

from ptychoscope.preprocess.refocus_magnify_probe import refocused
from ptychoscope.refine.automatic import refine_best
from ptychoscope.refine.defocus_search import Defocus, find_probe, tuned_probe
from ptychoscope.refine.moving_window import MovingWindowRefiner
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.step_sizes import Schedule, schedule
from ptychoscope.refine.sweep_findings import FRAME_STATES, Sweep
from ptychoscope.refine.whole_scan import refine_scan

__all__ = [
    "FRAME_STATES",
    "Defocus",
    "MovingWindowRefiner",
    "Refiner",
    "Schedule",
    "Sweep",
    "find_probe",
    "refine_best",
    "refine_scan",
    "refocused",
    "schedule",
    "tuned_probe",
]
