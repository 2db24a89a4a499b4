"""Ptychoscope inside ptychodus 1.7: reconstructors for its `ProcessingCore`, and products to and fro.

Nothing here is imported by the rest of Ptychoscope, and ptychodus is imported only when one of these names is
used. `PtychoscopeLibrary` is what ptychodus is handed; the other functions convert between its values and
ours.
"""

from typing import TYPE_CHECKING, Any

from ptychoscope.errors import MissingExtraError
from ptychoscope.lazy_names import lazy_names

if TYPE_CHECKING:
    from ptychoscope.ptychodus_client.library import PtychoscopeLibrary
    from ptychoscope.ptychodus_client.reconstruct_input import product_from_result, scan_from_input
    from ptychoscope.ptychodus_client.to_and_from_ptychodus import (
        diffraction_from_scan,
        product_from_reconstruction,
        product_from_scan,
        reconstruction_from_product,
    )

_HOME = {
    "PtychoscopeLibrary": "library",
    "diffraction_from_scan": "to_and_from_ptychodus",
    "product_from_reconstruction": "to_and_from_ptychodus",
    "product_from_result": "reconstruct_input",
    "product_from_scan": "to_and_from_ptychodus",
    "reconstruction_from_product": "to_and_from_ptychodus",
    "scan_from_input": "reconstruct_input",
}

__all__ = [
    "PtychoscopeLibrary",
    "diffraction_from_scan",
    "product_from_reconstruction",
    "product_from_result",
    "product_from_scan",
    "reconstruction_from_product",
    "scan_from_input",
]

_load, __dir__ = lazy_names(__name__, _HOME)


def __getattr__(name: str) -> Any:
    """Import a public name, and ptychodus with it, when it is first used; raises `MissingExtraError`."""
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ptychodus":
            raise
        raise MissingExtraError(f'{name} needs ptychodus: pip install "ptychodus==1.7.*"') from error
