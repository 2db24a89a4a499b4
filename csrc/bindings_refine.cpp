// The solver's Python face: checks arguments, releases the GIL, calls the library.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

#include "ptychoscope/fft.h"

namespace py = pybind11;

namespace {

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

Floats fft2(const Floats& windows, bool inverse) {
    if (windows.ndim() != 4 || windows.shape(1) != 2 || windows.shape(2) != windows.shape(3))
        throw std::invalid_argument("windows must be (n, 2, N, N) float32");
    Floats result({windows.shape(0), windows.shape(1), windows.shape(2), windows.shape(3)});
    const float* in = windows.data();
    float* out = result.mutable_data();
    const int count = static_cast<int>(windows.shape(0)), size = static_cast<int>(windows.shape(2));
    py::gil_scoped_release release;
    ptychoscope::fft2_windows(in, out, count, size, inverse);
    return result;
}

}  // namespace

void register_refine(py::module_& m);

void register_refine(py::module_& m) {
    m.def(
        "fft2", &fft2, py::arg("windows"), py::kw_only(), py::arg("inverse") = false,
        "Orthonormal 2-D DFT of windows (n, 2, N, N) float32, real and imaginary planes, zero frequency at "
        "[0, 0].\n\n"
        "The result is transposed: forward takes [y, x] to [kx, ky], inverse takes [kx, ky] back to [y, x].\n"
        "Raises ValueError for sides that are not from 2 to 4096 with prime factors of at most 13.");
}
