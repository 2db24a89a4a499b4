// What the Python faces of canvases share, on the host and on devices.
#pragma once

#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "ptychoscope/canvas.h"

namespace ptychoscope::bindings {

namespace py = pybind11;

using Positions = py::array_t<double, py::array::c_style>;
using Window = py::array_t<float, py::array::c_style>;
using Rotations = py::array_t<std::complex<float>, py::array::c_style>;
using Region = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

template <class Enum>
Enum one_of(const std::map<std::string, Enum>& names, const std::string& name) {
    const auto found = names.find(name);
    if (found == names.end()) throw std::invalid_argument("\"" + name + "\" is unknown");
    return found->second;
}

inline void set_options(CanvasOptions& options, const std::string& interpolation,
                        const std::string& accumulate, int threads, bool spread, double bound, bool grow,
                        std::int64_t max_pixels) {
    options.interpolation = one_of<Interpolation>({{"nearest", Interpolation::nearest},
                                                   {"bilinear", Interpolation::bilinear},
                                                   {"cubic", Interpolation::cubic},
                                                   {"lanczos3", Interpolation::lanczos3}},
                                                  interpolation);
    options.accumulate = one_of<Accumulate>(
        {{"float32", Accumulate::float32}, {"float64", Accumulate::float64}, {"exact", Accumulate::exact}},
        accumulate);
    options.threads = threads;
    options.spread = spread;
    options.bound = bound;
    options.grow = grow;
    options.max_pixels = max_pixels;
}

template <class AnyCanvas, class Options>
std::unique_ptr<AnyCanvas> make_canvas(std::int64_t height, std::int64_t width,
                                       const std::optional<Window>& window, const Options& options) {
    if (window && window->ndim() != 2) throw std::invalid_argument("window must have two dimensions");
    return std::make_unique<AnyCanvas>(height, width, window ? window->data() : nullptr,
                                       window ? window->shape(0) : 0, window ? window->shape(1) : 0, options);
}

inline void check_positions(const Positions& positions, std::int64_t count) {
    if (positions.ndim() != 2 || positions.shape(0) != count || positions.shape(1) != 2)
        throw std::invalid_argument("positions must be (n, 2), one per patch");
}

/// (n, P, Q) complex64, or the (n, P, Q) planes `first` and `second`, float32 or float16, with the same
/// strides.
inline PatchBatch view(const py::array& first, const py::array& second, const std::string& values,
                       const Positions& positions, const std::optional<Rotations>& rotations) {
    PatchBatch batch;
    if (first.ndim() != 3 || second.ndim() != 3)
        throw std::invalid_argument("patches must have three dimensions");
    for (int axis = 0; axis < 3; ++axis)
        if (first.shape(axis) != second.shape(axis) || first.strides(axis) != second.strides(axis))
            throw std::invalid_argument("the two planes of the patches differ in shape or strides");
    const char kind = first.dtype().kind();
    const auto size = first.itemsize();
    if (kind != 'f' || (size != 4 && size != 2) || second.dtype().kind() != kind || second.itemsize() != size)
        throw std::invalid_argument("planes of patches must be float32 or float16, both alike");
    for (const py::array* plane : {&first, &second})
        if (!plane->dtype().attr("isnative").cast<bool>())
            throw std::invalid_argument(
                "planes of patches must have this machine's byte order, not the other one: convert them "
                "with astype");
    batch.first = first.data();
    batch.second = second.data();
    batch.count = first.shape(0);
    batch.height = first.shape(1);
    batch.width = first.shape(2);
    batch.patch_stride = first.strides(0);
    batch.row_stride = first.strides(1);
    batch.column_stride = first.strides(2);
    batch.scalar = size == 4 ? Scalar::float32 : Scalar::float16;
    check_positions(positions, batch.count);
    if (rotations && (rotations->ndim() != 1 || rotations->shape(0) != batch.count))
        throw std::invalid_argument("rotations must be (n,), one per patch");
    batch.rotations = rotations ? rotations->data() : nullptr;
    batch.values = values == "amplitude_phase" ? Values::amplitude_phase : Values::real_imag;
    return batch;
}

inline Region region_of(const Box& b) { return {b.row0, b.row1, b.column0, b.column1}; }

/// Defines a method that reads a region into a new array.
template <class AnyCanvas, class T>
void define_read(py::class_<AnyCanvas>& canvas, const char* name,
                 void (AnyCanvas::*read)(const Box&, T*) const) {
    canvas.def(
        name,
        [read](const AnyCanvas& self, const Region& region) {
            const auto [row0, row1, column0, column1] = region;
            const Box box = {row0, row1, column0, column1};
            py::array_t<T> out(
                {std::max<std::int64_t>(0, row1 - row0), std::max<std::int64_t>(0, column1 - column0)});
            T* data = out.mutable_data();
            py::gil_scoped_release release;
            (self.*read)(box, data);
            return out;
        },
        py::arg("region"));
}

/// Everything but making a canvas and adding to it.
template <class AnyCanvas>
void define_canvas(py::class_<AnyCanvas>& canvas) {
    canvas.def("extent", [](const AnyCanvas& self) { return region_of(self.extent()); });
    canvas.def("take_dirty", [](AnyCanvas& self) { return region_of(self.take_dirty()); });
    canvas.def("reset", &AnyCanvas::reset, py::call_guard<py::gil_scoped_release>());
    canvas.def("merge", &AnyCanvas::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>());
    define_read<AnyCanvas, std::complex<float>>(canvas, "image", &AnyCanvas::image);
    define_read<AnyCanvas, float>(canvas, "coverage", &AnyCanvas::coverage);
    define_read<AnyCanvas, float>(canvas, "spread", &AnyCanvas::spread);
}

}  // namespace ptychoscope::bindings
