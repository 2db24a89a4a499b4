"""Where the numbers of an array lie, on a device or on the host, without copying it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ptychoscope.errors import ScanError


@dataclass(frozen=True)
class Memory:
    """Patches as two planes of float32 (n, P, Q) in somebody's memory, which `owner` keeps."""

    first: int
    """Address of the real parts."""
    second: int
    """Address of the imaginary parts."""
    shape: tuple[int, int, int]
    strides: tuple[int, int, int]
    """Bytes."""
    owner: Any


def patch_memory(patches: Any, values: str) -> Memory:
    """Memory of (n, P, Q) complex64 or, with `real_imag`, (n, 2, P, Q) float32 patches.

    Understood are arrays with `__cuda_array_interface__` (CuPy, PyTorch, JAX, Numba), values of onnxruntime
    (`OrtValue`), and whatever NumPy makes an array of, which lies on the host.

    Raises:
        ScanError: shape or type do not fit.
    """
    address, shape, strides, dtype, owner = _layout(patches)
    wanted = ("complex64", 3) if values == "complex" else ("float32", 4)
    if (dtype.name, len(shape)) != wanted or (len(shape) == 4 and shape[1] != 2):
        layout = "(n, P, P) complex64" if values == "complex" else "(n, 2, P, P) float32"
        raise ScanError(f'patches with values="{values}" must be {layout}, got {shape} {dtype}')
    if values == "complex":
        n, height, width = shape
        return Memory(address, address + 4, (n, height, width), (strides[0], strides[1], strides[2]), owner)
    n, _, height, width = shape
    return Memory(
        address, address + strides[1], (n, height, width), (strides[0], strides[2], strides[3]), owner
    )


def _layout(patches: Any) -> tuple[int, tuple[int, ...], tuple[int, ...], np.dtype[Any], Any]:
    interface = getattr(patches, "__cuda_array_interface__", None)
    if isinstance(interface, Mapping):
        dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
        strides = interface.get("strides") or _dense(shape, dtype.itemsize)
        return interface["data"][0], shape, tuple(strides), dtype, patches
    if hasattr(patches, "data_ptr") and hasattr(patches, "device_name"):  # onnxruntime.OrtValue, always dense
        if patches.data_type() != "tensor(float)":
            raise ScanError(f"patches in an OrtValue must be float32, got {patches.data_type()}")
        shape = tuple(patches.shape())
        return patches.data_ptr(), shape, _dense(shape, 4), np.dtype(np.float32), patches
    array = np.ascontiguousarray(patches)
    return array.ctypes.data, array.shape, array.strides, array.dtype, array


def _dense(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Strides of an array without gaps, last axis fastest."""
    strides = [itemsize]
    for side in reversed(shape[1:]):
        strides.insert(0, strides[0] * side)
    return tuple(strides)
