"""Ptychoscope: see the sample while the scan runs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptychoscope.canvas import Canvas
    from ptychoscope.cuda_canvas import CudaCanvas
    from ptychoscope.errors import PtychoscopeError
    from ptychoscope.io import load_reconstruction, load_scan, save_reconstruction, save_scan
    from ptychoscope.model import Model, load_model
    from ptychoscope.offline import reconstruct
    from ptychoscope.picture import save_picture
    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan
    from ptychoscope.simulate import simulate_scan

_HOME = {
    "Canvas": "canvas",
    "CudaCanvas": "cuda_canvas",
    "Model": "model",
    "PtychoscopeError": "errors",
    "Reconstruction": "reconstruction",
    "Scan": "scan",
    "load_model": "model",
    "load_reconstruction": "io",
    "load_scan": "io",
    "reconstruct": "offline",
    "save_picture": "picture",
    "save_reconstruction": "io",
    "save_scan": "io",
    "simulate_scan": "simulate",
}

__all__ = [
    "Canvas",
    "CudaCanvas",
    "Model",
    "PtychoscopeError",
    "Reconstruction",
    "Scan",
    "load_model",
    "load_reconstruction",
    "load_scan",
    "reconstruct",
    "save_picture",
    "save_reconstruction",
    "save_scan",
    "simulate_scan",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import ptychoscope` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'ptychoscope' has no attribute {name!r}")
    return getattr(import_module(f"ptychoscope.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not, and nothing that serves to load them."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
