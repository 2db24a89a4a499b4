"""Export: a checkpoint becomes a bundle that runs without torch."""

from .bundle import write_bundle
from .workflow import export_bundle

__all__ = ["export_bundle", "write_bundle"]
