"""Export: a checkpoint becomes a bundle that runs without torch."""

from .export import export_bundle
from .write_bundle import write_bundle

__all__ = ["export_bundle", "write_bundle"]
