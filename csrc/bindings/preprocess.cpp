// The Python face of preprocessing: checks arguments, releases the GIL, calls the library.
#include "ptychoscope/preprocess.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace py = pybind11;

namespace {

using ptychoscope::FramePreprocessor;
using ptychoscope::FrameSteps;
using ptychoscope::NegativeValues;
using ptychoscope::PixelType;
using Mask = py::array_t<bool, py::array::c_style>;
using Pair = std::pair<std::int64_t, std::int64_t>;

NegativeValues negative_values(const std::string& name) {
    if (name == "unmeasured") return NegativeValues::unmeasured;
    if (name == "zero") return NegativeValues::zero;
    if (name == "unwrap") return NegativeValues::unwrap;
    throw std::invalid_argument("negative must be unmeasured, zero or unwrap, got " + name);
}

PixelType pixel_type(const py::array& frames) {
    const py::dtype type = frames.dtype();
    if (type.attr("isnative").cast<bool>()) {
        if (type.kind() == 'u' && type.itemsize() == 1) return PixelType::uint8;
        if (type.kind() == 'u' && type.itemsize() == 2) return PixelType::uint16;
        if (type.kind() == 'u' && type.itemsize() == 4) return PixelType::uint32;
        if (type.kind() == 'i' && type.itemsize() == 4) return PixelType::int32;
        if (type.kind() == 'f' && type.itemsize() == 4) return PixelType::float32;
    }
    throw std::invalid_argument("frames must be uint8, uint16, uint32, int32 or float32, native, got " +
                                std::string(py::str(type)));
}

std::unique_ptr<FramePreprocessor> make(Pair detector, Pair corner, std::int64_t side, std::int64_t bin,
                                        const std::optional<Mask>& mask, double threshold, bool all_ones,
                                        const std::string& negative, bool corner_origin, bool transpose,
                                        bool flip_y, bool flip_x, bool amplitudes_in, bool amplitudes_out,
                                        double factor, int threads) {
    if (mask && (mask->ndim() != 2 || mask->shape(0) != detector.first || mask->shape(1) != detector.second))
        throw std::invalid_argument("mask must be of the detector's size");
    FrameSteps steps;
    steps.height = detector.first, steps.width = detector.second;
    steps.row = corner.first, steps.column = corner.second;
    steps.side = side, steps.bin = bin;
    steps.mask = mask ? reinterpret_cast<const std::uint8_t*>(mask->data()) : nullptr;
    steps.threshold = threshold, steps.all_ones = all_ones, steps.negative = negative_values(negative);
    steps.corner_origin = corner_origin;
    steps.transpose = transpose, steps.flip_y = flip_y, steps.flip_x = flip_x;
    steps.amplitudes_in = amplitudes_in, steps.amplitudes_out = amplitudes_out;
    steps.factor = factor;
    return std::make_unique<FramePreprocessor>(steps, threads);
}

void apply(const FramePreprocessor& steps, const py::array& frames, py::array_t<float, 0> out) {
    const PixelType type = pixel_type(frames);
    if (frames.ndim() != 3 || frames.shape(1) != steps.height() || frames.shape(2) != steps.width() ||
        !(frames.flags() & py::array::c_style))
        throw std::invalid_argument("frames must be (k, H, W) of the detector, contiguous, got " +
                                    std::string(py::str(frames.attr("shape"))));
    if (reinterpret_cast<std::uintptr_t>(frames.data()) % static_cast<std::size_t>(frames.itemsize()) != 0)
        throw std::invalid_argument("frames are not aligned: copy them");
    if (out.ndim() != 3 || out.shape(0) != frames.shape(0) || out.shape(1) != steps.side() ||
        out.shape(2) != steps.side() || !(out.flags() & py::array::c_style))
        throw std::invalid_argument("out must be (k, P, P) float32, contiguous, got " +
                                    std::string(py::str(out.attr("shape"))));
    const void* from = frames.data();
    float* to = out.mutable_data();
    const std::int64_t count = frames.shape(0);
    py::gil_scoped_release release;
    steps.apply(from, type, count, to);
}

}  // namespace

void register_preprocess(py::module_& m) {
    py::class_<FramePreprocessor>(m, "FramePreprocessor",
                                  "Frames of a detector as patterns, in one pass: window, mask, bins, "
                                  "orientation, root.")
        .def(py::init(&make), py::kw_only(), py::arg("detector"), py::arg("corner"), py::arg("side"),
             py::arg("bin"), py::arg("mask"), py::arg("threshold"), py::arg("all_ones"), py::arg("negative"),
             py::arg("corner_origin"), py::arg("transpose"), py::arg("flip_y"), py::arg("flip_x"),
             py::arg("amplitudes_in"), py::arg("amplitudes_out"), py::arg("factor"), py::arg("threads"))
        .def_property_readonly("side", &FramePreprocessor::side)
        .def("apply", &apply, py::arg("frames"), py::arg("out").noconvert(),
             "Patterns (k, P, P) float32 into `out` of frames (k, H, W), contiguous.");
}
