"""Ptychoscope: the complex image of a ptychography scan, by networks and by a solver in C++."""

from typing import TYPE_CHECKING

from ptychoscope.lazy_names import lazy_names

if TYPE_CHECKING:
    from ptychoscope.diagnosis import Diagnosis, diagnose
    from ptychoscope.diagnosis.inspect_scan import Inspection, inspect
    from ptychoscope.errors import PtychoscopeError
    from ptychoscope.inference.load import load_model
    from ptychoscope.inference.model import Model
    from ptychoscope.io import load_reconstruction, load_scan, open_scan, save_reconstruction, save_scan
    from ptychoscope.io.convert import convert
    from ptychoscope.pipeline.reconstruct import reconstruct
    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan
    from ptychoscope.simulate import simulate_scan
    from ptychoscope.stitch.canvas import Canvas
    from ptychoscope.stitch.cuda_canvas import CudaCanvas
    from ptychoscope.viz.overview import save_picture

_HOME = {
    "Canvas": "stitch.canvas",
    "CudaCanvas": "stitch.cuda_canvas",
    "Diagnosis": "diagnosis",
    "Inspection": "diagnosis.inspect_scan",
    "Model": "inference.model",
    "PtychoscopeError": "errors",
    "Reconstruction": "reconstruction",
    "Scan": "scan",
    "convert": "io.convert",
    "diagnose": "diagnosis",
    "inspect": "diagnosis.inspect_scan",
    "load_model": "inference.load",
    "load_reconstruction": "io",
    "load_scan": "io",
    "open_scan": "io",
    "reconstruct": "pipeline.reconstruct",
    "save_picture": "viz.overview",
    "save_reconstruction": "io",
    "save_scan": "io",
    "simulate_scan": "simulate",
}

__all__ = [
    "Canvas",
    "CudaCanvas",
    "Diagnosis",
    "Inspection",
    "Model",
    "PtychoscopeError",
    "Reconstruction",
    "Scan",
    "convert",
    "diagnose",
    "inspect",
    "load_model",
    "load_reconstruction",
    "load_scan",
    "open_scan",
    "reconstruct",
    "save_picture",
    "save_reconstruction",
    "save_scan",
    "simulate_scan",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
