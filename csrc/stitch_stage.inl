// Staging a patch: from whatever a network hands out to two planes of floats with zeros around them.
//
// The idea. Reading, converting and checking happen once, row by row, in loops that the compiler turns into
// vectors; everything after that reads aligned planes that may be read past their edges. The largest
// magnitude tells at the same time whether all values are finite: as integers, the bits of |x| grow with |x|,
// and those of infinities and NaNs are the largest of all.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "simd.h"
#include "stitch.h"
#include "stitch_sincos.inl"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

inline int32_t magnitude_bits(float x) {
    int32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffff;
}

/// binary16 to float. Exact: every binary16 number is a float.
inline float from_half(uint16_t h) {
#if defined(__F16C__)
    return _cvtsh_ss(h);
#else
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
    const uint32_t special = rest >= 0x7c00 ? 0x70000000u : 0;  // infinity, NaN: the largest exponent
    const uint32_t bits = (rest << 13) + special;
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof magnitude);
    magnitude *= 0x1p112f;  // the exponents' offsets differ by 112; also right for subnormal numbers
    uint32_t out;
    std::memcpy(&out, &magnitude, sizeof out);
    out |= sign;
    std::memcpy(&magnitude, &out, sizeof magnitude);
    return magnitude;
#endif
}

inline float to_float(float x) { return x; }
inline float to_float(uint16_t h) { return from_half(h); }

/// Copies n values at `step` bytes from one another; returns the bits of the largest magnitude.
template <class T>
int32_t copy_row(const char* from, int64_t step, int64_t n, float* __restrict to) {
    int32_t largest = 0;
    for (int64_t c = 0; c < n; ++c) {
        T value;
        std::memcpy(&value, from + c * step, sizeof value);
        to[c] = to_float(value);
        largest = std::max(largest, magnitude_bits(to[c]));
    }
    return largest;
}

/// Rows of complex64: the two planes are interleaved.
inline int32_t split_row(const char* from, int64_t n, float* __restrict re, float* __restrict im) {
    const float* values = reinterpret_cast<const float*>(from);
    int32_t largest = 0;
    for (int64_t c = 0; c < n; ++c) {
        re[c] = values[2 * c];
        im[c] = values[2 * c + 1];
        largest = std::max(largest, std::max(magnitude_bits(re[c]), magnitude_bits(im[c])));
    }
    return largest;
}

template <class T>
int32_t stage_rows(const PatchView& p, const Staged& out) {
    const int64_t step = p.column_stride;
    const bool aligned = reinterpret_cast<uintptr_t>(p.first) % alignof(float) == 0 && p.row_stride % 4 == 0;
    const bool interleaved = std::is_same_v<T, float> && step == 8 && p.second == p.first + 4 && aligned;
    int32_t largest = 0;
    for (int64_t r = 0; r < p.height; ++r) {
        const char *a = p.first + r * p.row_stride, *b = p.second + r * p.row_stride;
        float *first = out.first + r * out.pitch, *second = out.second + r * out.pitch;
        if (interleaved)
            largest = std::max(largest, split_row(a, p.width, first, second));
        else if (step == sizeof(T))
            largest = std::max({largest, copy_row<T>(a, sizeof(T), p.width, first),
                                copy_row<T>(b, sizeof(T), p.width, second)});
        else
            largest = std::max(
                {largest, copy_row<T>(a, step, p.width, first), copy_row<T>(b, step, p.width, second)});
    }
    return largest;
}

inline float stage(const PatchView& p, const Staged& out) {
    const int32_t bits =
        p.scalar == Scalar::float16 ? stage_rows<uint16_t>(p, out) : stage_rows<float>(p, out);
    float largest;
    std::memcpy(&largest, &bits, sizeof largest);
    if (!std::isfinite(largest)) return std::numeric_limits<float>::infinity();
    if (p.values == Values::real_imag) return largest;
    return polar_to_planes(out, p.height, p.width);
}

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
