// CudaCanvas for Python: addresses and strides in, arrays out.
#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "ptychoscope/cuda_canvas.h"

namespace py = pybind11;
namespace ps = ptychoscope;

namespace {

using Positions = py::array_t<double, py::array::c_style>;
using Window = py::array_t<float, py::array::c_style>;
using Region = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
using Three = std::array<std::int64_t, 3>;

ps::Interpolation interpolation_of(const std::string& name) {
    if (name == "nearest") return ps::Interpolation::nearest;
    if (name == "bilinear") return ps::Interpolation::bilinear;
    if (name == "cubic") return ps::Interpolation::cubic;
    if (name == "lanczos3") return ps::Interpolation::lanczos3;
    throw std::invalid_argument("\"" + name + "\" is unknown");
}

Region region_of(const ps::Box& b) { return {b.row0, b.row1, b.column0, b.column1}; }

std::unique_ptr<ps::CudaCanvas> make(std::int64_t height, std::int64_t width,
                                     const std::optional<Window>& window, const std::string& interpolation,
                                     bool spread, int device) {
    ps::CudaCanvasOptions options;
    options.interpolation = interpolation_of(interpolation);
    options.spread = spread;
    options.device = device;
    if (window && window->ndim() != 2) throw std::invalid_argument("window must have two dimensions");
    return std::make_unique<ps::CudaCanvas>(height, width, window ? window->data() : nullptr,
                                            window ? window->shape(0) : 0, window ? window->shape(1) : 0,
                                            options);
}

ps::AddReport add(ps::CudaCanvas& self, std::uintptr_t first, std::uintptr_t second, const Three& shape,
                  const Three& strides, const Positions& positions) {
    ps::PatchBatch batch;
    batch.first = reinterpret_cast<const void*>(first);
    batch.second = reinterpret_cast<const void*>(second);
    batch.count = shape[0];
    batch.height = shape[1];
    batch.width = shape[2];
    batch.patch_stride = strides[0];
    batch.row_stride = strides[1];
    batch.column_stride = strides[2];
    if (positions.ndim() != 2 || positions.shape(0) != batch.count || positions.shape(1) != 2)
        throw std::invalid_argument("positions must be (n, 2), one per patch");
    const double* centres = positions.data();
    py::gil_scoped_release release;
    return self.add(batch, centres);
}

/// Defines a method that reads a region into a new array.
template <class T>
void define_read(py::class_<ps::CudaCanvas>& canvas, const char* name,
                 void (ps::CudaCanvas::*read)(const ps::Box&, T*) const) {
    canvas.def(
        name,
        [read](const ps::CudaCanvas& self, const Region& region) {
            const auto [row0, row1, column0, column1] = region;
            py::array_t<T> out(
                {std::max<std::int64_t>(0, row1 - row0), std::max<std::int64_t>(0, column1 - column0)});
            T* data = out.mutable_data();
            const ps::Box box = {row0, row1, column0, column1};
            py::gil_scoped_release release;
            (self.*read)(box, data);
            return out;
        },
        py::arg("region"));
}

}  // namespace

void register_cuda(py::module_& m) {
    m.def("cuda_architectures", &ps::cuda_architectures,
          "What the CUDA kernels were compiled for; empty in a build without them.");
    m.def("cuda_devices", &ps::cuda_devices, "CUDA devices that can be used now.");
    py::class_<ps::CudaCanvas> canvas(
        m, "CudaCanvas", "The C++ canvas on a device; ptychoscope.CudaCanvas is its Python face.");
    canvas.def(py::init(&make), py::kw_only(), py::arg("height"), py::arg("width"), py::arg("window"),
               py::arg("interpolation"), py::arg("spread"), py::arg("device"));
    canvas.def(
        "add", &add, py::arg("first"), py::arg("second"), py::arg("shape"), py::arg("strides"),
        py::arg("positions"),
        "Addresses of both planes, shape (n, P, Q), strides in bytes; the memory is the caller's to keep.");
    canvas.def("extent", [](const ps::CudaCanvas& self) { return region_of(self.extent()); });
    canvas.def("take_dirty", [](ps::CudaCanvas& self) { return region_of(self.take_dirty()); });
    canvas.def("reset", &ps::CudaCanvas::reset, py::call_guard<py::gil_scoped_release>());
    define_read<std::complex<float>>(canvas, "image", &ps::CudaCanvas::image);
    define_read<float>(canvas, "coverage", &ps::CudaCanvas::coverage);
    define_read<float>(canvas, "spread", &ps::CudaCanvas::spread);
}
