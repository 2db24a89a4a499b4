// The projector's Python face: checks arguments, releases the GIL, calls the library.
#include "ptychoscope/projector.h"

#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>

namespace py = pybind11;

namespace {

using ptychoscope::Projector;
template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

std::unique_ptr<Projector> make(const Array<std::complex<float>>& probe, float regularisation, float dark) {
    if (probe.ndim() != 3 || probe.shape(1) != probe.shape(2))
        throw std::invalid_argument("probe must be (modes, P, P)");
    return std::make_unique<Projector>(probe.data(), static_cast<int>(probe.shape(1)),
                                       static_cast<int>(probe.shape(0)), regularisation, dark);
}

Array<float> residual(Projector& projector, const std::optional<Array<float>>& patches,
                      const Array<float>& amplitudes, const Array<int>& fractions) {
    const py::ssize_t side = projector.window();
    const py::ssize_t count = amplitudes.ndim() == 3 ? amplitudes.shape(0) : -1;
    if (count < 0 || amplitudes.shape(1) != side || amplitudes.shape(2) != side)
        throw std::invalid_argument("amplitudes must be (n, P, P) with the probe's P");
    if (fractions.ndim() != 2 || fractions.shape(0) != count || fractions.shape(1) != 2)
        throw std::invalid_argument("fractions must be (n, 2)");
    if (patches && (patches->ndim() != 4 || patches->shape(0) != count || patches->shape(1) != 2 ||
                    patches->shape(2) != side || patches->shape(3) != side))
        throw std::invalid_argument("patches must be (n, 2, P, P)");
    for (py::ssize_t i = 0; i < fractions.size(); ++i)
        if (fractions.data()[i] < 0 || fractions.data()[i] >= Projector::fractions_per_pixel())
            throw std::invalid_argument("fractions must be steps of a pixel, 0 to 7");
    Array<float> out({count, py::ssize_t{2}, side, side});
    const float* from = patches ? patches->data() : nullptr;
    float* to = out.mutable_data();
    py::gil_scoped_release release;
    projector.residual(from, amplitudes.data(), fractions.data(), static_cast<int>(count), to);
    return out;
}

}  // namespace

void register_projector(py::module_& m) {
    py::class_<Projector>(m, "Projector",
                          "The step that a measured pattern asks of an object patch: the modulus projection, "
                          "divided by the probe.")
        .def(py::init(&make), py::arg("probe"), py::arg("regularisation"), py::arg("dark"))
        .def_property_readonly("window", &Projector::window)
        .def("residual", &residual, py::arg("patches"), py::arg("amplitudes"), py::arg("fractions"),
             "Residuals (n, 2, P, P) of patches (n, 2, P, P), or of patches of 1 when None.");
}
