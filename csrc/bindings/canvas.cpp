// Canvas and the phases of patches for Python: views of arrays in, arrays out; the GIL is released while the
// library works.
#include "bindings/canvas.h"

#include <pybind11/stl.h>

#include "ptychoscope/phase_sync.h"

namespace py = pybind11;
namespace ps = ptychoscope;

namespace {

using ps::bindings::Positions;
using ps::bindings::Rotations;
using ps::bindings::view;
using ps::bindings::Window;

using Counts = py::array_t<std::int64_t, py::array::c_style>;

/// The integers of an exact canvas, out and in.
void define_counts(py::class_<ps::Canvas>& canvas) {
    canvas.def(
        "counts",
        [](const ps::Canvas& self, const ps::bindings::Region& region) {
            const auto [row0, row1, column0, column1] = region;
            Counts out({std::int64_t{self.planes()}, row1 - row0, column1 - column0});
            std::int64_t* data = out.mutable_data();
            py::gil_scoped_release release;
            self.counts({row0, row1, column0, column1}, data);
            return out;
        },
        py::arg("region"));
    canvas.def(
        "add_counts",
        [](ps::Canvas& self, const ps::bindings::Region& region, const Counts& counts) {
            const auto [row0, row1, column0, column1] = region;
            if (counts.ndim() != 3 || counts.shape(0) != self.planes() || counts.shape(1) != row1 - row0 ||
                counts.shape(2) != column1 - column0)
                throw std::invalid_argument(
                    "counts must have the shape (planes, rows, columns) of the region");
            const std::int64_t* data = counts.data();
            py::gil_scoped_release release;
            self.add_counts({row0, row1, column0, column1}, data);
        },
        py::arg("region"), py::arg("counts"));
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
                           bool spread, bool coverage, double bound, bool grow, std::int64_t max_pixels) {
                   ps::CanvasOptions options;
                   options.coverage = coverage;
                   ps::bindings::set_options(options, interpolation, accumulate, threads, spread, bound, grow,
                                             max_pixels);
                   return ps::bindings::make_canvas<ps::Canvas>(height, width, window, options);
               }),
               py::kw_only(), py::arg("height"), py::arg("width"), py::arg("window"),
               py::arg("interpolation"), py::arg("accumulate"), py::arg("threads"), py::arg("spread"),
               py::arg("coverage"), py::arg("bound"), py::arg("grow"), py::arg("max_pixels"));
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
    ps::bindings::define_read<ps::Canvas, std::complex<float>>(canvas, "sum", &ps::Canvas::sum);
    ps::bindings::define_canvas(canvas);
    define_counts(canvas);
}

void register_phase_sync(py::module_& m) {
    m.def(
        "solve_phases",
        [](const py::array& first, const py::array& second, const std::string& values,
           const Positions& positions, const std::optional<Window>& window, std::int64_t per_quadrant) {
            const ps::PatchBatch batch = view(first, second, values, positions, std::nullopt);
            if (window &&
                (window->ndim() != 2 || window->shape(0) != batch.height || window->shape(1) != batch.width))
                throw std::invalid_argument("window must have the shape of a patch");
            // No patch has more neighbours than there are patches, and room is made for as many as asked for.
            const std::int64_t per_side = std::min(per_quadrant, std::max<std::int64_t>(batch.count, 1));
            Rotations rotations(batch.count);
            std::complex<float>* out = rotations.mutable_data();
            py::gil_scoped_release release;
            const auto solved =
                ps::solve_phases(batch, positions.data(), window ? window->data() : nullptr, per_side);
            std::copy(solved.begin(), solved.end(), out);
            return rotations;
        },
        py::arg("first"), py::arg("second"), py::arg("values"), py::arg("positions"), py::arg("window"),
        py::arg("per_quadrant"), "Unit numbers (n,) that bring patches to one phase where they overlap.");
}
