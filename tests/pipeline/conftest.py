"""What the tests of this folder share with others."""

from unrolled_model import unrolled

__all__ = ["unrolled"]
