"""load_model: a bundle's directory becomes a model that computes what it did when it was exported."""

from pathlib import Path

from ptychoscope.errors import BundleError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.inference.golden import check_golden
from ptychoscope.inference.model import Model
from ptychoscope.inference.session import open_session


def load_model(bundle: Path | str, device: str = "cpu", threads: int | None = None) -> Model:
    """The model in directory `bundle`, its digests compared and its golden patches recomputed.

    Parameters
    ----------
    bundle
        Directory that `export` or `adopt` wrote.
    device
        "cpu", "cuda", "cuda:N", "tensorrt", "openvino" or "auto"; a device that cannot be used is an error,
        never another device.
    threads
        Threads within an operator; None for all cores that the process may use.

    Raises
    ------
    BundleError
        A file is missing, changed or foreign, or the model no longer computes what it did.
    DeviceError, ConfigError, MissingExtraError
        The device is not there, a value is impossible, or onnxruntime is not installed.
    """
    content = read_bundle(bundle)
    if content.config.format != "onnx":
        raise BundleError(
            f"{bundle} holds a {content.config.format} graph, for libtorch: export it with --format onnx"
        )
    session = open_session(content.graph, device=device, threads=threads)
    passes = tuple(open_session(graph, device=device, threads=threads) for graph in content.passes)
    model = Model(content, session, passes)
    check_golden(model, content)
    return model
