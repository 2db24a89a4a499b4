"""Diagnosis: hypotheses about a scan, tried by the solver."""

from ptychoscope.diagnosis.report import Diagnosis, Hypothesis
from ptychoscope.diagnosis.rounds import diagnose

__all__ = ["Diagnosis", "Hypothesis", "diagnose"]
