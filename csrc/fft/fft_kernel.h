// What fft.cpp and the kernels of each instruction set agree on.
#pragma once

#include <vector>

#include "ptychoscope/cpu_features.h"

namespace ptychoscope {

constexpr int kMaxStages = 12;

/// A transform of `size` points as a sequence of Stockham stages, one radix each.
struct FftPlan {
    int size = 0;
    int padded = 0;  ///< size rounded up to the vector width
    int stages = 0;
    int radix[kMaxStages] = {};
    const float* twiddle[kMaxStages] = {};  ///< [p][k - 1][cos, sin], p < points / radix, 0 < k < radix
    std::vector<float> twiddles;            ///< what `twiddle` points into

    FftPlan(int size, int lanes);
};

/// Floats of one panel (as many columns as the vector has lanes, real and imaginary), and of a plane of
/// panels.
inline int panel_floats(const FftPlan& plan, int lanes) { return 2 * plan.padded * lanes; }
inline int plane_floats(const FftPlan& plan) { return 2 * plan.padded * plan.padded; }

struct FftKernel {
    int lanes;
    /// in, out: planes of plan.padded rows and columns. scratch: two planes of padded x scratch_stride
    /// floats. panels: three panels.
    void (*transform)(const FftPlan& plan, const float* in_re, const float* in_im, float* out_re,
                      float* out_im, float* scratch, float* panels, float scale);
};

const FftKernel& fft_kernel(Isa isa);

}  // namespace ptychoscope
