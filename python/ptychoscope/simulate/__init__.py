"""Simulated scans whose truth is known, as they should be and as beams, stages and detectors are."""

from ptychoscope.simulate.far_field import farfield_intensity
from ptychoscope.simulate.faults import Faults
from ptychoscope.simulate.faulty_scan import FaultyScan, simulate_faulty_scan
from ptychoscope.simulate.objects import OBJECTS, make_object
from ptychoscope.simulate.probes import ProbeConfig, make_probe
from ptychoscope.simulate.simulated_scan import SimulationConfig, simulate_scan

__all__ = [
    "OBJECTS",
    "Faults",
    "FaultyScan",
    "ProbeConfig",
    "SimulationConfig",
    "farfield_intensity",
    "make_object",
    "make_probe",
    "simulate_faulty_scan",
    "simulate_scan",
]
