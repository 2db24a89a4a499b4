// Canvas for Python: views of arrays in, arrays out; the GIL is released while the library works.
#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "ptychoscope/canvas.h"

namespace py = pybind11;
namespace ps = ptychoscope;

namespace {

using Positions = py::array_t<double, py::array::c_style>;
using Rotations = py::array_t<std::complex<float>, py::array::c_style>;
using Window = py::array_t<float, py::array::c_style>;
using Region = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

const std::map<std::string, ps::Interpolation> kInterpolations = {{"nearest", ps::Interpolation::nearest},
                                                                  {"bilinear", ps::Interpolation::bilinear},
                                                                  {"cubic", ps::Interpolation::cubic},
                                                                  {"lanczos3", ps::Interpolation::lanczos3}};
const std::map<std::string, ps::Accumulate> kAccumulates = {{"float32", ps::Accumulate::float32},
                                                            {"float64", ps::Accumulate::float64},
                                                            {"exact", ps::Accumulate::exact}};

template <class Enum>
Enum one_of(const std::map<std::string, Enum>& names, const std::string& name) {
    const auto found = names.find(name);
    if (found == names.end()) throw std::invalid_argument("\"" + name + "\" is unknown");
    return found->second;
}

/// (n, P, Q) complex64, or the (n, P, Q) planes `first` and `second`, float32 or float16, with the same
/// strides.
ps::PatchBatch view(const py::array& first, const py::array& second, const std::string& values,
                    const Positions& positions, const std::optional<Rotations>& rotations) {
    ps::PatchBatch batch;
    if (first.ndim() != 3 || second.ndim() != 3)
        throw std::invalid_argument("patches must have three dimensions");
    for (int axis = 0; axis < 3; ++axis)
        if (first.shape(axis) != second.shape(axis) || first.strides(axis) != second.strides(axis))
            throw std::invalid_argument("the two planes of the patches differ in shape or strides");
    const char kind = first.dtype().kind();
    const auto size = first.itemsize();
    if (kind != 'f' || (size != 4 && size != 2) || second.dtype().kind() != kind || second.itemsize() != size)
        throw std::invalid_argument("planes of patches must be float32 or float16, both alike");
    batch.first = first.data();
    batch.second = second.data();
    batch.count = first.shape(0);
    batch.height = first.shape(1);
    batch.width = first.shape(2);
    batch.patch_stride = first.strides(0);
    batch.row_stride = first.strides(1);
    batch.column_stride = first.strides(2);
    batch.scalar = size == 4 ? ps::Scalar::float32 : ps::Scalar::float16;
    if (positions.ndim() != 2 || positions.shape(0) != batch.count || positions.shape(1) != 2)
        throw std::invalid_argument("positions must be (n, 2), one per patch");
    if (rotations && (rotations->ndim() != 1 || rotations->shape(0) != batch.count))
        throw std::invalid_argument("rotations must be (n,), one per patch");
    batch.rotations = rotations ? rotations->data() : nullptr;
    batch.values = values == "amplitude_phase" ? ps::Values::amplitude_phase : ps::Values::real_imag;
    return batch;
}

ps::Box box_of(const Region& r) { return {std::get<0>(r), std::get<1>(r), std::get<2>(r), std::get<3>(r)}; }
Region region_of(const ps::Box& b) { return {b.row0, b.row1, b.column0, b.column1}; }

/// Defines a method that reads a region into a new array.
template <class T>
void define_read(py::class_<ps::Canvas>& canvas, const char* name,
                 void (ps::Canvas::*read)(const ps::Box&, T*) const) {
    canvas.def(
        name,
        [read](const ps::Canvas& self, const Region& region) {
            const ps::Box box = box_of(region);
            py::array_t<T> out({std::max<std::int64_t>(0, box.row1 - box.row0),
                                std::max<std::int64_t>(0, box.column1 - box.column0)});
            T* data = out.mutable_data();
            py::gil_scoped_release release;
            (self.*read)(box, data);
            return out;
        },
        py::arg("region"));
}

}  // namespace

void register_canvas(py::module_& m) {
    py::class_<ps::AddReport>(m, "AddReport", "What became of the patches of one call to Canvas.add().")
        .def_readonly("bad_positions", &ps::AddReport::bad_positions, "Left out: position not finite.")
        .def_readonly("bad_patches", &ps::AddReport::bad_patches, "Left out: a pixel not finite.")
        .def_readonly("rotations", &ps::AddReport::rotations,
                      "Align sequential: what patches were multiplied by.")
        .def_readonly("outside", &ps::AddReport::outside, "Wholly outside the canvas.");

    py::class_<ps::Canvas> canvas(m, "Canvas", "The C++ canvas; ptychoscope.Canvas is its Python face.");
    canvas.def(py::init([](std::int64_t height, std::int64_t width, const std::optional<Window>& window,
                           const std::string& interpolation, const std::string& accumulate, int threads,
                           bool spread, double bound, bool grow, std::int64_t max_pixels) {
                   ps::CanvasOptions options;
                   options.interpolation = one_of(kInterpolations, interpolation);
                   options.accumulate = one_of(kAccumulates, accumulate);
                   options.threads = threads;
                   options.spread = spread;
                   options.bound = bound;
                   options.grow = grow;
                   options.max_pixels = max_pixels;
                   if (window && window->ndim() != 2)
                       throw std::invalid_argument("window must have two dimensions");
                   return std::make_unique<ps::Canvas>(height, width, window ? window->data() : nullptr,
                                                       window ? window->shape(0) : 0,
                                                       window ? window->shape(1) : 0, options);
               }),
               py::kw_only(), py::arg("height"), py::arg("width"), py::arg("window"),
               py::arg("interpolation"), py::arg("accumulate"), py::arg("threads"), py::arg("spread"),
               py::arg("bound"), py::arg("grow"), py::arg("max_pixels"));
    canvas.def(
        "add",
        [](ps::Canvas& self, const py::array& first, const py::array& second, const std::string& values,
           const Positions& positions, bool sequential, const std::optional<Rotations>& rotations) {
            const ps::PatchBatch batch = view(first, second, values, positions, rotations);
            const double* centres = positions.data();
            py::gil_scoped_release release;
            return self.add(batch, centres, sequential ? ps::Align::sequential : ps::Align::none);
        },
        py::arg("first"), py::arg("second"), py::arg("values"), py::arg("positions"), py::arg("sequential"),
        py::arg("rotations"));
    canvas.def(
        "correlate",
        [](ps::Canvas& self, const py::array& first, const py::array& second, const std::string& values,
           const Positions& positions) {
            const ps::PatchBatch batch = view(first, second, values, positions, std::nullopt);
            const double* centres = positions.data();
            py::array_t<std::complex<double>> out(batch.count);
            std::complex<double>* data = out.mutable_data();
            py::gil_scoped_release release;
            self.correlate(batch, centres, data);
            return out;
        },
        py::arg("first"), py::arg("second"), py::arg("values"), py::arg("positions"));
    canvas.def("extent", [](const ps::Canvas& self) { return region_of(self.extent()); });
    canvas.def("take_dirty", [](ps::Canvas& self) { return region_of(self.take_dirty()); });
    canvas.def("reset", &ps::Canvas::reset, py::call_guard<py::gil_scoped_release>());
    canvas.def("merge", &ps::Canvas::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>());
    define_read<std::complex<float>>(canvas, "image", &ps::Canvas::image);
    define_read<float>(canvas, "coverage", &ps::Canvas::coverage);
    define_read<float>(canvas, "spread", &ps::Canvas::spread);
}
