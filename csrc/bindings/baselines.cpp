// What the benchmarks compare with: stitching as one writes it down, and the speed of memory.
#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <vector>

#include "cpu/aligned_buffer.h"
#include "stitch/stitch_kernel.h"

namespace py = pybind11;

namespace {

using namespace ptychoscope;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

/// Every pixel of every patch (n, side, side), weighted, is added to its four neighbours on the canvas
/// (height, width); then the canvas is divided by the weights. Patches must lie inside. `corners` is (n, 2).
void add_naively(const std::complex<float>* patches, const float* window, const double* corners,
                 std::int64_t n, std::int64_t side, std::int64_t height, std::int64_t width,
                 std::complex<float>* image) {
    std::vector<float> weights(static_cast<std::size_t>(height * width), 0.0f);
    std::fill_n(image, height * width, std::complex<float>(0));
    for (std::int64_t i = 0; i < n; ++i) {
        const double y = std::floor(corners[2 * i]), x = std::floor(corners[2 * i + 1]);
        const float fy = static_cast<float>(corners[2 * i] - y),
                    fx = static_cast<float>(corners[2 * i + 1] - x);
        const std::int64_t top = static_cast<std::int64_t>(y), left = static_cast<std::int64_t>(x);
        const std::complex<float>* patch = patches + i * side * side;
        for (std::int64_t r = 0; r < side; ++r)
            for (std::int64_t c = 0; c < side; ++c) {
                const float w = window[r * side + c];
                const std::complex<float> value = patch[r * side + c] * w;
                const std::int64_t at = (top + r) * width + left + c;
                const float k00 = (1 - fy) * (1 - fx), k01 = (1 - fy) * fx, k10 = fy * (1 - fx),
                            k11 = fy * fx;
                image[at] += k00 * value;
                image[at + 1] += k01 * value;
                image[at + width] += k10 * value;
                image[at + width + 1] += k11 * value;
                weights[at] += k00 * w;
                weights[at + 1] += k01 * w;
                weights[at + width] += k10 * w;
                weights[at + width + 1] += k11 * w;
            }
    }
    for (std::int64_t i = 0; i < height * width; ++i)
        image[i] = weights[i] > 0 ? image[i] / weights[i] : std::complex<float>(0);
}

/// Bytes per second of CPU time at which one thread reads `bytes` of memory, the best of `repeats`, with the
/// instruction set in use.
double read_bandwidth(std::int64_t bytes, int repeats) {
    const std::int64_t half = std::max<std::int64_t>(bytes / 8, 1);  // floats
    AlignedFloats memory(static_cast<std::size_t>(2 * half));
    const char* first = reinterpret_cast<const char*>(memory.get());
    // Wide loads, several under way at once: plain ones leave a third of the bandwidth unused.
    const auto read = stitch_kernels(active_isa()).largest;
    const PatchView all = {first, first + 4 * half, 1, half, 4 * half, 4, Values::real_imag, Scalar::float32};
    double best = 0;
    for (int repeat = 0; repeat < repeats; ++repeat) {
        const std::clock_t began = std::clock();
        volatile float used = read(all);
        (void)used;
        const double seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
        if (seconds > 0) best = std::max(best, static_cast<double>(8 * half) / seconds);
    }
    return best;
}

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
    add_naively(patches.data(), window.data(), corners.data(), n, side, height, width, out);
    return image;
}

}  // namespace

void register_bench(py::module_& m) {
    m.def("naive_stitch", &naive_stitch, py::arg("patches"), py::arg("window"), py::arg("corners"),
          py::arg("height"), py::arg("width"),
          "Bilinear stitching as one writes it down: four additions per pixel, for comparison.");
    m.def("read_bandwidth", &read_bandwidth, py::arg("bytes"), py::arg("repeats"),
          py::call_guard<py::gil_scoped_release>(), "Bytes per CPU second at which one thread reads memory.");
}
