"""Diagnosis: hypotheses about a scan, tried by the solver."""

from ptychoscope.diagnosis.diagnose_scan import diagnose
from ptychoscope.diagnosis.quick import quick_check
from ptychoscope.diagnosis.report import Diagnosis, Hypothesis

__all__ = ["Diagnosis", "Hypothesis", "diagnose", "quick_check"]
