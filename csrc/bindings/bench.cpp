// What `ptychoscope bench` needs beside the product.
#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>

#include "bindings/bench_baseline.h"

namespace py = pybind11;

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

Array<std::complex<float>> naive_stitch(const Array<std::complex<float>>& patches, const Array<float>& window,
                                        const Array<double>& corners, std::int64_t height,
                                        std::int64_t width) {
    if (patches.ndim() != 3 || window.ndim() != 2 || corners.ndim() != 2 || corners.shape(1) != 2 ||
        corners.shape(0) != patches.shape(0) || patches.shape(1) != patches.shape(2) ||
        window.shape(0) != patches.shape(1) || window.shape(1) != patches.shape(1))
        throw std::invalid_argument("patches (n, P, P), window (P, P), corners (n, 2)");
    const std::int64_t n = patches.shape(0), side = patches.shape(1);
    for (std::int64_t i = 0; i < n; ++i)
        if (!(corners.at(i, 0) >= 0 && corners.at(i, 1) >= 0 &&
              corners.at(i, 0) + static_cast<double>(side) + 1 <= static_cast<double>(height) &&
              corners.at(i, 1) + static_cast<double>(side) + 1 <= static_cast<double>(width)))
            throw std::invalid_argument("every patch must lie inside the canvas");
    Array<std::complex<float>> image({height, width});
    std::complex<float>* out = image.mutable_data();
    py::gil_scoped_release release;
    ptychoscope::naive_stitch(patches.data(), window.data(), corners.data(), n, side, height, width, out);
    return image;
}

}  // namespace

void register_bench(py::module_& m) {
    m.def("naive_stitch", &naive_stitch, py::arg("patches"), py::arg("window"), py::arg("corners"),
          py::arg("height"), py::arg("width"),
          "Bilinear stitching as one writes it down: four additions per pixel, for comparison.");
    m.def("read_bandwidth", &ptychoscope::read_bandwidth, py::arg("bytes"), py::arg("repeats"),
          py::call_guard<py::gil_scoped_release>(), "Bytes per CPU second at which one thread reads memory.");
}
