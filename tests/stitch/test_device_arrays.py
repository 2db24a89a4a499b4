"""Where the numbers of arrays lie: CUDA array interface, DLPack, onnxruntime; what cannot be read is said."""

import ctypes

import numpy as np
import pytest

from ptychoscope import CudaCanvas, _core
from ptychoscope.errors import ScanError
from ptychoscope.stitch._device_arrays import CUDA, patch_memory


class CudaArray:
    """An array that says where it lies as arrays on a device do."""

    def __init__(self, array: np.ndarray, strides: bool = True, **more) -> None:
        self.array = array
        self.__cuda_array_interface__ = dict(array.__array_interface__, version=3, **more)
        self.__cuda_array_interface__["strides"] = array.strides if strides else None


class DlTensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("dimensions", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class VersionedTensor(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", DlTensor),
    )


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class DlpackArray:
    """An array on the host that hands itself out as one on a CUDA device, by DLPack of a version."""

    def __init__(self, array: np.ndarray, *, version=(1, 1), strides=True, device=CUDA, offset=0) -> None:
        self.array, self.version, self.device, self.asked = array, version, device, []
        axes = ctypes.c_int64 * array.ndim
        self.shape = axes(*array.shape)
        self.strides = axes(*(s // array.itemsize for s in array.strides))
        self.versioned = VersionedTensor(version=version)
        tensor = self.versioned.tensor
        tensor.data, tensor.byte_offset = array.ctypes.data - offset, offset
        tensor.device_type, tensor.dimensions, tensor.lanes = device, array.ndim, 1
        tensor.code, tensor.bits = {"i": 0, "f": 2, "c": 5}[array.dtype.kind], 8 * array.itemsize
        tensor.shape = self.shape
        tensor.strides = self.strides if strides else None

    def __dlpack_device__(self):
        return CUDA, 0

    def __dlpack__(self, *, stream=None, **options):
        if self.version[0] == 0 and options:
            raise TypeError("max_version is unknown")
        self.asked.append((stream, options))
        if self.version[0] == 0:
            return new_capsule(ctypes.addressof(self.versioned.tensor), b"dltensor", None)
        return new_capsule(ctypes.addressof(self.versioned), b"dltensor_versioned", None)


def kinds(array: np.ndarray) -> dict:
    dense = array.flags.c_contiguous
    made = {
        "cuda": CudaArray(array),
        "dlpack": DlpackArray(array),
        "dlpack 0": DlpackArray(array, version=(0, 8), offset=64),
    }
    if dense:
        made |= {
            "cuda, dense": CudaArray(array, strides=False),
            "dlpack, dense": DlpackArray(array, strides=False),
        }
    return made


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("cut", [slice(None), np.s_[::2, :, 1:, ::-1]])
def test_memory_of_planes(cut, dtype: type) -> None:
    patches = np.zeros((6, 2, 5, 7), dtype)[cut]
    for kind, array in kinds(patches).items():
        memory = patch_memory(array, "real_imag")
        assert (memory.first, memory.second) == (patches.ctypes.data, patches[:, 1].ctypes.data), kind
        assert memory.shape == patches[:, 0].shape
        assert memory.strides == patches[:, 0].strides
        assert memory.float16 == (dtype == np.float16)
        assert memory.on_device
        assert memory.wait


def test_memory_of_complex_numbers() -> None:
    numbers = np.zeros((5, 3, 7), np.complex64)
    for kind, array in kinds(numbers).items():
        memory = patch_memory(array, "complex")
        assert (memory.first, memory.second) == (numbers.real.ctypes.data, numbers.imag.ctypes.data), kind
        assert memory.strides == numbers.real.strides


def test_a_stream_waits_for_what_writes_the_patches() -> None:
    array = DlpackArray(np.zeros((5, 3, 7), np.complex64))
    assert not patch_memory(array, "complex", stream=77).wait
    assert array.asked == [(77, {"max_version": (1, 0)})]
    old = DlpackArray(np.zeros((5, 3, 7), np.complex64), version=(0, 8))
    assert not patch_memory(old, "complex", stream=77).wait
    assert old.asked == [(77, {})]


def test_memory_of_a_value_of_onnxruntime() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    for dtype, size in ((np.float32, 4), (np.float16, 2)):
        value = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((5, 2, 3, 7), dtype))
        memory = patch_memory(value, "real_imag")
        assert (memory.first, memory.second - memory.first) == (value.data_ptr(), 21 * size)
        assert (memory.shape, memory.strides) == ((5, 3, 7), (42 * size, 7 * size, size))
        assert not memory.on_device
    with pytest.raises(ScanError, match=r"float32 or float16, got tensor\(double\)"):
        patch_memory(onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((5, 2, 3, 7))), "real_imag")


@pytest.mark.parametrize(
    ("patches", "values"),
    [
        (np.zeros((5, 3, 7), np.int32), "complex"),
        (np.zeros((5, 3, 7, 2), np.float32), "real_imag"),
        (CudaArray(np.zeros((5, 2, 3, 7), np.float64)), "real_imag"),
        (CudaArray(np.zeros((3, 7), np.complex64), strides=False), "complex"),
        (DlpackArray(np.zeros((5, 3, 7), np.complex128)), "complex"),
        (DlpackArray(np.zeros((5, 2, 3, 7), np.int32)), "amplitude_phase"),
    ],
)
def test_patches_of_another_kind(patches, values) -> None:
    with pytest.raises(ScanError, match=r"must be \(n,"):
        patch_memory(patches, values)


@pytest.mark.parametrize(
    ("patches", "why"),
    [
        (DlpackArray(np.zeros((5, 3, 7), np.complex64), version=(2, 0)), r"version 2\.0 is unknown"),
        (DlpackArray(np.zeros((5, 3, 7), np.complex64), device=10), "device of kind 10"),
        (CudaArray(np.zeros((5, 3, 7), np.complex64), mask=object()), "with a mask"),
    ],
)
def test_arrays_that_cannot_be_read(patches, why: str) -> None:
    with pytest.raises(ScanError, match=why):
        patch_memory(patches, "complex")


def test_a_capsule_that_was_used_is_refused() -> None:
    for capsule in (new_capsule(ctypes.addressof(VersionedTensor()), b"used_dltensor", None), 7):
        with pytest.raises(ValueError, match="not a DLPack capsule"):
            _core.look_into_dlpack(capsule)


def test_patches_on_a_device_need_a_canvas_there() -> None:
    canvas = CudaCanvas((20, 20), device="host")
    with pytest.raises(ScanError, match='patches on a device, a canvas with device="host"'):
        canvas.add(CudaArray(np.zeros((5, 3, 7), np.complex64)), np.zeros((5, 2)))
