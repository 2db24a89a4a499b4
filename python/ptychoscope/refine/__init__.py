"""Refine: a solver's image at the detector's rate, without torch."""

from ptychoscope.refine.solver import FRAME_STATES, Refiner, Sweep

__all__ = ["FRAME_STATES", "Refiner", "Sweep"]
