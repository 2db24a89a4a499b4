#include "bindings/bench_baseline.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "cpu/aligned_buffer.h"
#include "stitch/stitch_kernel.h"

namespace ptychoscope {

void naive_stitch(const std::complex<float>* patches, const float* window, const double* corners,
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

}  // namespace ptychoscope
