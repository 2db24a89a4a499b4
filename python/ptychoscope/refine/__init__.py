"""Refine: a solver's image at the detector's rate, without torch."""

from ptychoscope.refine.defocus import Defocus, find_probe, refocused, tuned_probe
from ptychoscope.refine.offline import refine_scan
from ptychoscope.refine.online import stream_scan
from ptychoscope.refine.schedule import Schedule, schedule
from ptychoscope.refine.solver import FRAME_STATES, Refiner, Sweep
from ptychoscope.refine.stream import StreamRefiner

__all__ = [
    "FRAME_STATES",
    "Defocus",
    "Refiner",
    "Schedule",
    "StreamRefiner",
    "Sweep",
    "find_probe",
    "refine_scan",
    "refocused",
    "schedule",
    "stream_scan",
    "tuned_probe",
]
