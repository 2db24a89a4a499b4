// Amplitude and phase (radians) to real and imaginary part.
//
// The idea. A phase is brought to [-pi/4, pi/4] by subtracting the nearest multiple of pi/2 in three pieces
// (Cody and Waite 1980), so that the subtraction is as good as exact for |phase| < 8192; there, short
// polynomials give sine and cosine to 1e-7, and the multiple says which of the two is which, and its sign.
// Rounding to the nearest integer is done by adding and subtracting 1.5 * 2^23, which is one instruction on
// every machine. Larger phases are rare enough for the standard library.
#pragma once

#include <algorithm>
#include <cmath>

#include "simd.h"
#include "stitch.h"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

struct SinCos {
    float sin, cos;
};

inline SinCos sincos_reduced(float phase) {
    const float shifted = phase * 0.636619772f + 0x1.8p23f;  // 2 / pi
    int32_t quadrant;
    std::memcpy(&quadrant, &shifted, sizeof quadrant);
    const float n = shifted - 0x1.8p23f;
    float x = phase - n * 0x1.92p0f;  // pi / 2 in three pieces; n times the first two is exact
    x = x - n * 0x1.fb4p-12f;
    x = x - n * 0x1.4442d2p-24f;
    const float z = x * x;
    // Minimax polynomials on [-pi/4, pi/4], Moshier's Cephes.
    const float s = x + x * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
    const float c =
        1.0f - 0.5f * z +
        z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
    const bool swap = quadrant & 1;
    const float sine = swap ? c : s, cosine = swap ? s : c;
    return {quadrant & 2 ? -sine : sine, (quadrant + 1) & 2 ? -cosine : cosine};
}

/// Replaces the staged planes amplitude, phase by real, imaginary; returns the largest |amplitude|.
inline float polar_to_planes(const Staged& planes, int64_t height, int64_t width) {
    float largest = 0;
    for (int64_t r = 0; r < height; ++r) {
        float* __restrict first = planes.first + r * planes.pitch;
        float* __restrict second = planes.second + r * planes.pitch;
        float largest_phase = 0;
        for (int64_t c = 0; c < width; ++c) largest_phase = std::max(largest_phase, std::fabs(second[c]));
        for (int64_t c = 0; c < width; ++c) largest = std::max(largest, std::fabs(first[c]));
        if (largest_phase < 8192) {
            for (int64_t c = 0; c < width; ++c) {
                const SinCos v = sincos_reduced(second[c]);
                second[c] = first[c] * v.sin;
                first[c] = first[c] * v.cos;
            }
        } else {
            for (int64_t c = 0; c < width; ++c) {
                const double phase = second[c];
                second[c] = first[c] * static_cast<float>(std::sin(phase));
                first[c] = first[c] * static_cast<float>(std::cos(phase));
            }
        }
    }
    return largest;
}

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
