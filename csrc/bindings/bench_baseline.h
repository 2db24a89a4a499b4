// What the benchmarks compare with: stitching as one writes it down, and the speed of memory. Internal.
#pragma once

#include <complex>
#include <cstdint>

namespace ptychoscope {

/// Every pixel of every patch (n, side, side), weighted, is added to its four neighbours on the canvas
/// (height, width); then the canvas is divided by the weights. Patches must lie inside. `corners` is (n, 2).
void naive_stitch(const std::complex<float>* patches, const float* window, const double* corners,
                  std::int64_t n, std::int64_t side, std::int64_t height, std::int64_t width,
                  std::complex<float>* image);

/// Bytes per second of CPU time at which one thread reads `bytes` of memory, the best of `repeats`, with the
/// instruction set in use.
double read_bandwidth(std::int64_t bytes, int repeats);

}  // namespace ptychoscope
