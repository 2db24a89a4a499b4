// Amplitude and phase (radians) to real and imaginary part.
//
// The idea. A phase is brought to [-pi/4, pi/4] by subtracting the nearest multiple of pi/2 in three pieces
// (Cody and Waite 1980), so that the subtraction is as good as exact for |phase| < 8192; there, short
// polynomials give sine and cosine to 1e-7, and the multiple says which of the two is which, and its sign.
// Rounding to the nearest integer is done by adding and subtracting 1.5 * 2^23, one instruction each on every
// machine. Larger phases are rare enough for the standard library.
#pragma once

#include <algorithm>
#include <cmath>

#include "cpu/simd.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

/// Replaces amplitudes and phases below 8192 by real and imaginary parts.
inline void polar_vector(vfloat& first, vfloat& second) {
    const vfloat amplitude = first, phase = second, magic = broadcast(0x1.8p23f);
    const vfloat shifted = fma(phase, broadcast(0.636619772f), magic);  // 2 / pi
    const vint quadrant = (vint)shifted;
    const vfloat n = magic - shifted;
    vfloat x = fma(n, broadcast(0x1.92p0f), phase);  // pi / 2 in three pieces; n times the first two is exact
    x = fma(n, broadcast(0x1.fb4p-12f), x);
    x = fma(n, broadcast(0x1.4442d2p-24f), x);
    const vfloat z = x * x;
    // Minimax polynomials on [-pi/4, pi/4]; Moshier's Cephes.
    const vfloat s = fma(z * x,
                         fma(z, fma(z, broadcast(-1.9515295891e-4f), broadcast(8.3321608736e-3f)),
                             broadcast(-1.6666654611e-1f)),
                         x);
    const vfloat c = fma(z * z,
                         fma(z, fma(z, broadcast(2.443315711809948e-5f), broadcast(-1.388731625493765e-3f)),
                             broadcast(4.166664568298827e-2f)),
                         fma(z, broadcast(-0.5f), broadcast(1.0f)));
    const vint even = (quadrant & 1) == 0;
    const vfloat sine = even ? s : c, cosine = even ? c : s;
    const vint sine_sign = (quadrant & 2) << 30, cosine_sign = ((quadrant + 1) & 2) << 30;
    first = amplitude * (vfloat)((vint)cosine ^ cosine_sign);
    second = amplitude * (vfloat)((vint)sine ^ sine_sign);
}

/// One staged row; what lies after it up to a whole vector is zero, and stays so.
inline void polar_to_planes(float* __restrict first, float* __restrict second, int64_t width) {
    for (int64_t c = 0; c < width; c += kLanes) {
        vfloat a = load(first + c), b = load(second + c);
        if (any(lanes_of(((vint)b & 0x7fffffff) >= 0x46000000)))  // 8192, or no number
            for (int64_t l = c; l < std::min(width, c + kLanes); ++l) {
                const double phase = second[l];
                a[l - c] = first[l] * static_cast<float>(std::cos(phase));
                b[l - c] = first[l] * static_cast<float>(std::sin(phase));
            }
        else
            polar_vector(a, b);
        store(first + c, a);
        store(second + c, b);
    }
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
