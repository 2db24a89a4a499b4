"""Export: a checkpoint becomes a bundle that runs without torch."""

from ptychoscope.export.bundle import write_bundle
from ptychoscope.export.workflow import export_bundle

__all__ = ["export_bundle", "write_bundle"]
