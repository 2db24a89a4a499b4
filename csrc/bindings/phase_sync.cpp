// Phase alignment for Python: checks arguments, releases the GIL, calls the library.
#include "ptychoscope/phase_sync.h"

#include <pybind11/stl.h>

#include "bindings/canvas.h"

namespace py = pybind11;
namespace ps = ptychoscope;

void register_phases(py::module_& m) {
    using ps::bindings::Positions, ps::bindings::Rotations, ps::bindings::Window;
    m.def(
        "solve_phases",
        [](const py::array& first, const py::array& second, const std::string& values,
           const Positions& positions, const std::optional<Window>& window, std::int64_t per_quadrant) {
            const ps::PatchBatch batch = ps::bindings::view(first, second, values, positions, std::nullopt);
            if (window &&
                (window->ndim() != 2 || window->shape(0) != batch.height || window->shape(1) != batch.width))
                throw std::invalid_argument("window must have the shape of a patch");
            Rotations rotations(batch.count);
            std::complex<float>* out = rotations.mutable_data();
            py::gil_scoped_release release;
            const auto solved =
                ps::solve_phases(batch, positions.data(), window ? window->data() : nullptr, per_quadrant);
            std::copy(solved.begin(), solved.end(), out);
            return rotations;
        },
        py::arg("first"), py::arg("second"), py::arg("values"), py::arg("positions"), py::arg("window"),
        py::arg("per_quadrant"), "Unit numbers (n,) that bring patches to one phase where they overlap.");
}
