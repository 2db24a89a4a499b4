"""Diagnosis: hypotheses about a scan, tried by the solver."""

from ptychoscope.diagnosis.quick import quick_check
from ptychoscope.diagnosis.report import Diagnosis, Hypothesis
from ptychoscope.diagnosis.rounds import diagnose

__all__ = ["Diagnosis", "Hypothesis", "diagnose", "quick_check"]
