"""Malformed HDF5 whose parts are named: types, shapes, sizes, positions."""

import h5py
import numpy as np

from detector_files import counts
from hostile_cases import N, hdf5


@hdf5("has no data set /p")
def nothing(file, folder): ...


@hdf5("has no data set /p")
def a_group(file, folder):
    file.create_group("p")


@hdf5("must be real numbers")
def text(file, folder):
    file["p"] = np.array([[[b"a"]]])


@hdf5("must be real numbers")
def long_text(file, folder):
    file.create_dataset("p", (4, 2, 2), h5py.string_dtype())


@hdf5("must be real numbers")
def complex_numbers(file, folder):
    file["p"] = np.ones((4, 8, 8), complex)


@hdf5("must be real numbers")
def records(file, folder):
    file["p"] = np.zeros((4, 8, 8), [("a", "f4"), ("b", "i2")])


@hdf5("must be real numbers")
def references(file, folder):
    file.create_dataset("p", (4, 8, 8), h5py.ref_dtype)


@hdf5("must be|damaged|real numbers")
def lists(file, folder):
    file.create_dataset("p", (4, 8, 8), h5py.vlen_dtype(np.float32))


@hdf5("must be real numbers")
def long_double(file, folder):
    file["p"] = np.ones((4, 8, 8), np.longdouble)


@hdf5(r"must be \(n, H, W\)")
def a_number(file, folder):
    file["p"] = 3.0


@hdf5(r"must be \(n, H, W\)")
def a_plane(file, folder):
    file["p"] = counts(1)[0]


@hdf5(r"must be \(n, H, W\)")
def five_axes(file, folder):
    file["p"] = np.zeros((2, 2, 2, 4, 4), np.uint16)


@hdf5("holds nothing")
def null_space(file, folder):
    file["p"] = h5py.Empty("f4")


@hdf5("positions|patterns|frames")
def no_frames(file, folder):
    file["p"] = np.zeros((0, 8, 8), np.uint16)


@hdf5("sides of at least 2|no pixel|positions")
def no_pixels(file, folder):
    file["p"] = np.zeros((4, 0, 0), np.uint16)


@hdf5("negative values")
def negative(file, folder):
    file["p"] = counts(N).astype(np.int16) - 50


@hdf5("not finite", domain="counts")
def not_finite(file, folder):
    file["p"] = np.full((4, 8, 8), np.nan, np.float32)


@hdf5("nothing says what /p holds")
def fractions(file, folder):
    file["p"] = counts(N) + 0.25


@hdf5("fewer|more positions|numbers")
def more_frames_than_positions(file, folder):
    file["p"] = counts(N + 3)


@hdf5("declares.*of which its file holds")
def huge_and_empty(file, folder):
    file.create_dataset("p", (10**6, 4096, 4096), "u2", chunks=(1, 512, 512))


@hdf5("declares.*of which its file holds")
def huge_and_contiguous(file, folder):
    file.create_dataset("p", (10**5, 1024, 1024), "u4")


@hdf5("chunks .* of more than 1 GiB|declares")
def huge_chunks(file, folder):
    file.create_dataset("p", (4, 1 << 15, 1 << 15), "u4", chunks=(1, 1 << 15, 1 << 14))


@hdf5("must be numbers|no position|finite", positions="/y,/x")
def positions_of_text(file, folder):
    file["p"], file["y"], file["x"] = counts(N), np.array([b"1"] * 4), np.arange(4.0)


@hdf5("no position in .* is finite", positions="/y,/x")
def positions_of_nan(file, folder):
    file["p"], file["y"], file["x"] = counts(N), np.full(4, np.nan), np.arange(4.0)


@hdf5("has no data set /x", positions="/y,/x")
def positions_of_one_axis(file, folder):
    file["p"], file["y"] = counts(N), np.arange(4.0)


@hdf5("must be", positions="/x")
def positions_of_three_axes(file, folder):
    file["p"], file["x"] = counts(N), np.zeros((4, 3, 5))


@hdf5("is in 'parsec'", positions="/x")
def positions_in_parsec(file, folder):
    file["p"], file["x"] = counts(N), np.zeros((4, 2))
    file["x"].attrs["units"] = "parsec"


@hdf5("must be|same shape|damaged|numbers", positions="/y,/x")
def positions_that_differ(file, folder):
    file["p"], file["y"], file["x"] = counts(N), np.arange(4.0), np.arange(5.0)


@hdf5("declares|too much", positions="/x")
def positions_that_are_huge(file, folder):
    file["p"] = counts(N)
    file.create_dataset("x", (10**9, 2), "f8", chunks=(10**6, 2))


@hdf5("of no layout that is known", patterns=None)
def unknown_layout(file, folder):
    file["p"] = counts(N)
