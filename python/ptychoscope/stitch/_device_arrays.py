"""Where the numbers of an array lie, on a device or on the host, without copying it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ptychoscope import _core
from ptychoscope.errors import ScanError

CUDA, CUDA_MANAGED = 2, 13  # as DLPack numbers kinds of devices


@dataclass(frozen=True)
class Memory:
    """Patches as two planes (n, P, Q) of float32 or float16 in somebody's memory, which `owner` keeps."""

    first: int
    """Address of the real parts or amplitudes."""
    second: int
    """Address of the imaginary parts or phases."""
    shape: tuple[int, int, int]
    strides: tuple[int, int, int]
    """Bytes."""
    float16: bool
    on_device: bool
    wait: bool
    """Whether what writes the patches may still be at work in a stream that nobody waits for."""
    owner: Any


@dataclass(frozen=True)
class _Layout:
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # bytes
    type: str  # as NumPy names types
    on_device: bool
    wait: bool
    owner: Any


def patch_memory(patches: Any, values: str, *, stream: int | None = None) -> Memory:
    """Memory of (n, P, Q) complex64 patches or, with other `values`, (n, 2, P, Q) float32 or float16 ones.

    Understood are values of onnxruntime (`OrtValue`), arrays with `__dlpack__` or `__cuda_array_interface__`
    (PyTorch, CuPy, JAX, Numba), and whatever NumPy makes an array of, which lies on the host.

    Parameters
    ----------
    stream
        address of the CUDA stream that is to wait for what writes the patches.

    Raises
    ------
    ScanError
        shape or type do not fit, or the array cannot be handed out.
    """
    array = _layout(patches, values, stream)
    types, dimensions = (("complex64",), 3) if values == "complex" else (("float32", "float16"), 4)
    if array.type not in types or len(array.shape) != dimensions or (dimensions == 4 and array.shape[1] != 2):
        layout = "(n, P, P) complex64" if values == "complex" else "(n, 2, P, P) float32 or float16"
        raise ScanError(f'patches with values="{values}" must be {layout}, got {array.shape} {array.type}')
    apart = 4 if values == "complex" else array.strides[1]
    n, height, width = array.shape[0], *array.shape[-2:]
    return Memory(
        first=array.address,
        second=array.address + apart,
        shape=(n, height, width),
        strides=(array.strides[0], array.strides[-2], array.strides[-1]),
        float16=array.type == "float16",
        on_device=array.on_device,
        wait=array.wait,
        owner=array.owner,
    )


def _layout(patches: Any, values: str, stream: int | None) -> _Layout:
    if hasattr(patches, "data_ptr") and hasattr(patches, "device_name"):
        return _of_onnxruntime(patches)
    if hasattr(patches, "__dlpack_device__") and patches.__dlpack_device__()[0] in (CUDA, CUDA_MANAGED):
        return _of_dlpack(patches, stream)
    interface = getattr(patches, "__cuda_array_interface__", None)
    if isinstance(interface, Mapping):
        return _of_cuda_array(patches, interface)
    array = np.ascontiguousarray(patches)
    if values == "complex" and array.dtype.kind in "cf":
        array = array.astype(np.complex64, copy=False)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return _Layout(array.ctypes.data, array.shape, array.strides, array.dtype.name, False, False, array)


def _of_onnxruntime(value: Any) -> _Layout:
    """Of an OrtValue, which is always dense and says nothing of streams."""
    types = {"tensor(float)": "float32", "tensor(float16)": "float16"}
    name = value.data_type()
    if name not in types:
        raise ScanError(f"patches in an OrtValue must be float32 or float16, got {name}")
    shape, on_device = tuple(value.shape()), value.device_name().lower() != "cpu"
    strides = _dense(shape, np.dtype(types[name]).itemsize)
    return _Layout(value.data_ptr(), shape, strides, types[name], on_device, on_device, value)


def _of_dlpack(patches: Any, stream: int | None) -> _Layout:
    """Of an array whose library makes `stream` wait for what writes it."""
    options = {} if stream is None else {"stream": stream}
    try:
        try:
            capsule = patches.__dlpack__(max_version=(1, 0), **options)
        except TypeError:  # a library older than versions
            capsule = patches.__dlpack__(**options)
        array = _core.look_into_dlpack(capsule)
    except (BufferError, ValueError) as error:
        raise ScanError(f"patches cannot be read by DLPack: {error}") from error
    if array.device_type not in (CUDA, CUDA_MANAGED):
        raise ScanError(
            f"patches by DLPack lie on a device of kind {array.device_type}, not on a CUDA device"
        )
    shape, strides = tuple(array.shape), tuple(array.strides)
    return _Layout(array.address, shape, strides, array.type, True, stream is None, (patches, capsule))


def _of_cuda_array(patches: Any, interface: Mapping[str, Any]) -> _Layout:
    if interface.get("mask") is not None:
        raise ScanError("patches with a mask are not understood: fill in the masked values")
    dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
    if not dtype.isnative:
        raise ScanError(f"patches of type {dtype.str} have the other byte order: convert them first")
    strides = tuple(interface.get("strides") or _dense(shape, dtype.itemsize))
    return _Layout(interface["data"][0], shape, strides, dtype.name, True, True, patches)


def _dense(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Strides of an array without gaps, last axis fastest."""
    strides = [itemsize]
    for side in reversed(shape[1:]):
        strides.insert(0, strides[0] * side)
    return tuple(strides)
