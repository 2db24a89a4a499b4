"""Export: a checkpoint becomes a bundle that runs without torch."""

from .checkpoint_to_bundle import export_bundle
from .network_to_bundle import write_bundle

__all__ = ["export_bundle", "write_bundle"]
