"""Arrays from memory: what numpy wrote comes back, what is not an array is refused before it is allocated."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ptychoscope.errors import BundleError
from ptychoscope.io.npy import read_npy, read_npz

DTYPES = st.sampled_from(["u1", "u2", "f2", "f4", "f8", "c8", ">f4", "i8"])


def saved(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)), st.booleans())
def test_what_numpy_wrote_comes_back(array: np.ndarray, fortran: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    back = read_npy(saved(array), "a.npy", BundleError)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"a\.npy"):
        read_npy(data, "a.npy", BundleError)


@pytest.mark.parametrize("cut", [0, 5, 20, 127, 140])
def test_truncated_arrays_are_refused(cut: int) -> None:
    with pytest.raises(BundleError):
        read_npy(saved(np.arange(8.0))[:cut], "a.npy", BundleError)


def with_header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # numpy takes it for a header of Python 2
@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (",
        b"(" * 5000,
        b"[" * 5000,
        b"-" * 9000 + b"1",
        b"\xff\xfe",
        b"'''",
        b"{'descr': '|S0', 'fortran_order': False, 'shape': (0,), }",
        b"{'descr': '|V0', 'fortran_order': False, 'shape': (), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"0," * 70 + b"), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 0), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1e3,), }",
        b"{'descr': [('a', '<f4')] * 2, 'fortran_order': False, 'shape': (), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'x': 1}",
    ],
    ids=range(14),
)
def test_what_is_no_header_is_refused(header: bytes) -> None:
    with pytest.raises(BundleError, match=r"a\.npy"):
        read_npy(with_header(header), "a.npy", BundleError)


def test_objects_are_refused() -> None:
    data = saved(np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BundleError, match="Python objects"):
        read_npy(data, "a.npy", BundleError)


def test_an_announced_size_is_not_allocated() -> None:
    data = saved(np.zeros(8)).replace(b"(8,), }     ", b"(8000000000,), }"[:16].ljust(12))
    assert b"8000000000" in data
    with pytest.raises(BundleError, match="64000000000 bytes"):
        read_npy(data, "a.npy", BundleError)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives(save: Any) -> None:
    stream = io.BytesIO()
    save(stream, a=np.arange(3), b=np.eye(2, dtype=np.complex64))
    arrays = read_npz(stream.getvalue(), "g.npz", BundleError, limit_bytes=1000)
    assert set(arrays) == {"a", "b"}
    np.testing.assert_array_equal(arrays["b"], np.eye(2))
    with pytest.raises(BundleError, match="more than the 100 allowed"):
        read_npz(stream.getvalue(), "g.npz", BundleError, limit_bytes=100)
    with pytest.raises(BundleError, match=r"not a \.npz file"):
        read_npz(stream.getvalue()[:50], "g.npz", BundleError, limit_bytes=1000)


def test_an_archive_that_lies_about_its_content_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", saved(np.zeros(100_000)))
    data = bytearray(stream.getvalue())
    data[60] ^= 0xFF
    with pytest.raises(BundleError):
        read_npz(bytes(data), "g.npz", BundleError, limit_bytes=1 << 30)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damaged_archives_are_refused(method: int, rng: np.random.Generator) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name in ("a.npy", "b.npy"):
            archive.writestr(name, saved(rng.random(50)))
    whole, refused = stream.getvalue(), 0
    for at in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        for data in (bytes(flipped), whole[:at] + whole[at + 3 :]):
            try:
                read_npz(data, "g.npz", BundleError, limit_bytes=1 << 20)
            except BundleError:
                refused += 1
    assert refused > len(whole) / 7
