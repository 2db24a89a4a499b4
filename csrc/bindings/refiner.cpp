// The solver's Python face: checks arguments, releases the GIL, calls the library.
#include "ptychoscope/refiner.h"

#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <complex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "ptychoscope/fft.h"

namespace py = pybind11;

namespace {

using ptychoscope::FrameState;
using ptychoscope::Refiner;
using ptychoscope::SweepMode;
using ptychoscope::SweepOptions;
using ptychoscope::SweepReport;
using Release = py::call_guard<py::gil_scoped_release>;

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
using Floats = Array<float>;
using Complexes = Array<std::complex<float>>;

std::string shape_of(const py::array& a) { return py::str(a.attr("shape")); }

void require_shape(const py::array& a, const std::vector<py::ssize_t>& shape, const char* name) {
    if (std::vector<py::ssize_t>(a.shape(), a.shape() + a.ndim()) == shape) return;
    throw std::invalid_argument(std::string(name) + " must be " +
                                std::string(py::str(py::tuple(py::cast(shape)))) + ", got " + shape_of(a));
}

Floats fft2(const Floats& windows, bool inverse) {
    if (windows.ndim() != 4 || windows.shape(1) != 2 || windows.shape(2) != windows.shape(3))
        throw std::invalid_argument("windows must be (n, 2, N, N), got " + shape_of(windows));
    Floats result({windows.shape(0), windows.shape(1), windows.shape(2), windows.shape(3)});
    const float* in = windows.data();
    float* out = result.mutable_data();
    const int count = static_cast<int>(windows.shape(0)), size = static_cast<int>(windows.shape(2));
    py::gil_scoped_release release;
    ptychoscope::fft2_windows(in, out, count, size, inverse);
    return result;
}

void set_object(Refiner& refiner, const Complexes& object) {
    require_shape(object, {refiner.height(), refiner.width()}, "object");
    py::gil_scoped_release release;
    refiner.set_object(object.data());
}

void set_probe(Refiner& refiner, const Complexes& probe) {
    require_shape(probe, {refiner.modes(), refiner.window(), refiner.window()}, "probe");
    py::gil_scoped_release release;
    refiner.set_probe(probe.data());
}

void add_frames(Refiner& refiner, const Floats& amplitudes, const Array<double>& positions) {
    const py::ssize_t count = positions.ndim() == 2 ? positions.shape(0) : 0;
    require_shape(positions, {count, 2}, "positions");
    require_shape(amplitudes, {count, refiner.window(), refiner.window()}, "amplitudes");
    py::gil_scoped_release release;
    refiner.add_frames(amplitudes.data(), positions.data(), static_cast<int>(count));
}

void set_positions(Refiner& refiner, const Array<double>& positions) {
    require_shape(positions, {refiner.frames(), 2}, "positions");
    py::gil_scoped_release release;
    refiner.set_positions(positions.data());
}

void blend(Refiner& refiner, const Complexes& patches, int first) {
    const py::ssize_t count = patches.ndim() == 3 ? patches.shape(0) : 0;
    require_shape(patches, {count, refiner.window(), refiner.window()}, "patches");
    py::gil_scoped_release release;
    refiner.blend(patches.data(), first, static_cast<int>(count));
}

void set_background(Refiner& refiner, const std::optional<Floats>& background) {
    if (background) require_shape(*background, {refiner.window(), refiner.window()}, "background");
    const float* counts = background ? background->data() : nullptr;
    py::gil_scoped_release release;
    refiner.set_background(counts);
}

/// A new array of this shape, filled by `copy`.
template <class T>
Array<T> copied(const std::vector<py::ssize_t>& shape, const Refiner& refiner,
                void (Refiner::*copy)(T*) const) {
    Array<T> result(shape);
    T* out = result.mutable_data();
    py::gil_scoped_release release;
    (refiner.*copy)(out);
    return result;
}

std::optional<Floats> background(const Refiner& refiner) {
    if (!refiner.has_background()) return std::nullopt;
    return copied({refiner.window(), refiner.window()}, refiner, &Refiner::copy_background);
}

/// (5, window, window): counts, predicted, differences, ratios, frames; zeros before any were summed.
Floats pixel_sums(const Refiner& refiner) {
    const ptychoscope::PixelSums sums = refiner.pixel_sums();
    Floats result({5, refiner.window(), refiner.window()});
    float* out = result.mutable_data();
    std::fill(out, out + result.size(), 0.f);
    for (const auto* plane : {&sums.counts, &sums.predicted, &sums.differences, &sums.ratios, &sums.frames}) {
        std::copy(plane->begin(), plane->end(), out);
        out += result.size() / 5;
    }
    return result;
}

/// Before anything of that size is allocated.
void require_frames(const Refiner& refiner, int first, int last) {
    if (first < 0 || last < first || last > refiner.frames())
        throw std::invalid_argument("frames " + std::to_string(first) + " to " + std::to_string(last) +
                                    " are not within the " + std::to_string(refiner.frames()) +
                                    " that were added");
}

Floats predicted(const Refiner& refiner, int first, int last) {
    require_frames(refiner, first, last);
    Floats result({last - first, refiner.window(), refiner.window()});
    auto* out = result.mutable_data();
    py::gil_scoped_release release;
    refiner.predicted(out, first, last);
    return result;
}

Floats r_factors(const Refiner& refiner, int first, int last) {
    require_frames(refiner, first, last);
    Floats result(last - first);
    auto* out = result.mutable_data();
    py::gil_scoped_release release;
    refiner.r_factors(out, first, last);
    return result;
}

Complexes object_region(const Refiner& refiner, int row0, int row1, int column0, int column1) {
    const bool within = 0 <= row0 && row0 <= row1 && row1 <= refiner.height() && 0 <= column0 &&
                        column0 <= column1 && column1 <= refiner.width();
    Complexes result({within ? row1 - row0 : 0, within ? column1 - column0 : 0});  // else it is refused
    auto* out = result.mutable_data();
    py::gil_scoped_release release;
    refiner.copy_object(out, row0, row1, column0, column1);
    return result;
}

Floats coverage(const Refiner& refiner) {
    return copied({refiner.height(), refiner.width()}, refiner, &Refiner::copy_coverage);
}

Floats spread(const Refiner& refiner) {
    return copied({refiner.height(), refiner.width()}, refiner, &Refiner::copy_spread);
}

Complexes object(const Refiner& refiner) {
    return copied({refiner.height(), refiner.width()}, refiner, &Refiner::copy_object);
}

Complexes probe(const Refiner& refiner) {
    return copied({refiner.modes(), refiner.window(), refiner.window()}, refiner, &Refiner::copy_probe);
}

py::array_t<double> positions(const Refiner& refiner) {
    const std::vector<double> found = refiner.positions();
    return py::array_t<double>({static_cast<py::ssize_t>(found.size() / 2), py::ssize_t{2}}, found.data());
}

py::array_t<double> misfits(const Refiner& refiner) {
    const std::vector<double> found = refiner.misfits();
    return py::array_t<double>(static_cast<py::ssize_t>(found.size()), found.data());
}

py::array_t<std::uint8_t> states_from(const Refiner& refiner, int first) {
    const std::vector<FrameState> found = refiner.states(first);
    return py::array_t<std::uint8_t>(static_cast<py::ssize_t>(found.size()),
                                     reinterpret_cast<const std::uint8_t*>(found.data()));
}

void define_refiner(py::module_& m) {
    py::enum_<SweepMode>(m, "SweepMode")
        .value("sequential", SweepMode::sequential)
        .value("averaged", SweepMode::averaged)
        .value("examined", SweepMode::examined);
    py::class_<SweepOptions>(m, "SweepOptions", "How a sweep goes; see the fields of refiner.h.")
        .def(py::init<>())
        .def_readwrite("regularisation", &SweepOptions::regularisation)
        .def_readwrite("step", &SweepOptions::step)
        .def_readwrite("probe_step", &SweepOptions::probe_step)
        .def_readwrite("position_step", &SweepOptions::position_step)
        .def_readwrite("position_limit_px", &SweepOptions::position_limit_px)
        .def_readwrite("mode", &SweepOptions::mode)
        .def_readwrite("visit_decay", &SweepOptions::visit_decay)
        .def_readwrite("momentum", &SweepOptions::momentum)
        .def_readwrite("background_step", &SweepOptions::background_step)
        .def_readwrite("background_whole", &SweepOptions::background_whole)
        .def_readwrite("seed", &SweepOptions::seed);
    py::class_<SweepReport>(m, "SweepReport", "What a sweep found.")
        .def_readonly("misfit", &SweepReport::misfit)
        .def_readonly("frames", &SweepReport::frames)
        .def_readonly("rejected", &SweepReport::rejected)
        .def_readonly("moved_rms_px", &SweepReport::moved_rms_px);
    py::class_<Refiner>(m, "Refiner", "Sequential rPIE sweeps; ptychoscope.refine.Refiner is its face.")
        .def(py::init<int, int, int, int, int>(), py::arg("window"), py::arg("height"), py::arg("width"),
             py::arg("modes"), py::arg("threads"))
        .def("set_object", &set_object, py::arg("image"))
        .def("grow", &Refiner::grow, py::arg("top"), py::arg("left"), py::arg("bottom"), py::arg("right"),
             Release())
        .def_property_readonly("growth_step", &Refiner::growth_step)
        .def("set_probe", &set_probe, py::arg("probe"))
        .def("keep_frames_in", &Refiner::keep_frames_in, py::arg("folder"), py::arg("memory") = 0, Release())
        .def("add_frames", &add_frames, py::arg("amplitudes"), py::arg("positions"))
        .def("set_positions", &set_positions, py::arg("positions"))
        .def("add_counts", &Refiner::add_counts, py::arg("counts"), Release())
        .def("set_background", &set_background, py::arg("background"))
        .def("set_aside", &Refiner::set_aside, py::arg("frames"), py::arg("aside"))
        .def("blend", &blend, py::arg("patches"), py::arg("first"))
        .def("sweep", &Refiner::sweep, py::arg("options"), py::arg("first"), py::arg("last"), Release())
        .def("predicted", &predicted, py::arg("first"), py::arg("last"))
        .def("r_factors", &r_factors, py::arg("first"), py::arg("last"))
        .def("object_region", &object_region, py::arg("row0"), py::arg("row1"), py::arg("column0"),
             py::arg("column1"))
        .def("order", &Refiner::order, py::arg("seed"), py::arg("first"), py::arg("last"))
        .def_property_readonly("frames", &Refiner::frames)
        .def_property_readonly("object", &object)
        .def_property_readonly("probe", &probe)
        .def_property_readonly("coverage", &coverage)
        .def_property_readonly("spread", &spread)
        .def_property_readonly("background", &background)
        .def_property_readonly("pixel_sums", &pixel_sums)
        .def_property_readonly("positions", &positions)
        .def_property_readonly("misfits", &misfits)
        .def("states_from", &states_from, py::arg("first"))
        .def_property_readonly("states", [](const Refiner& refiner) { return states_from(refiner, 0); });
}

}  // namespace

void register_refiner(py::module_& m) {
    define_refiner(m);
    m.def(
        "fft2", &fft2, py::arg("windows"), py::kw_only(), py::arg("inverse") = false,
        "Orthonormal 2-D DFT of windows (n, 2, N, N) float32, real and imaginary planes, zero frequency at "
        "[0, 0].\n\n"
        "The result is transposed: forward takes [y, x] to [kx, ky], inverse takes [kx, ky] back to [y, x].\n"
        "Raises ValueError for sides that are not from 2 to 4096 with prime factors of at most 13.");
}
