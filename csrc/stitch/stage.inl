// Staging rows of a patch: from whatever a network hands out to two planes of floats with zeros around them.
//
// The idea. Converting happens once per pixel, in plain loops over a row that the compiler turns into
// vectors, into a buffer of a few rows that stays in the nearest cache; everything after that reads aligned
// planes that may be read past their edges. Whether a patch is finite is known before its first pixel is
// added: as integers, the bits of |x| grow with |x|, and those of infinities and NaNs are the largest of all.
#pragma once

#include <algorithm>
#include <limits>

#include "cpu/simd.h"
#include "stitch/polar.inl"
#include "stitch/stitch_kernel.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

template <class T>
T read_as(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// The bits of the magnitude of a float32 or float16, as an integer that grows with it.
inline int32_t magnitude_bits(int32_t bits) { return bits & 0x7fffffff; }
inline int32_t magnitude_bits(int16_t bits) { return bits & 0x7fff; }

template <class Bits>
int32_t largest_in_row(const char* from, int64_t step, int64_t n) {
    int32_t largest = 0;
    for (int64_t c = 0; c < n; ++c)
        largest = std::max(largest, magnitude_bits(read_as<Bits>(from + c * step)));
    return largest;
}

/// The same of neighbouring float32, four vectors at a time: one alone would wait for itself.
inline int32_t largest_in_row(const char* from, int64_t n) {
    constexpr int64_t kVectors = 4, kBytes = kVectors * kLanes * 4;
    vint most[kVectors] = {};
    int64_t c = 0;
    for (; c + kVectors * kLanes <= n; c += kVectors * kLanes, from += kBytes)
        for (int k = 0; k < kVectors; ++k) {
            const vint bits = read_as<vint>(from + k * kLanes * 4) & 0x7fffffff;
            most[k] = bits > most[k] ? bits : most[k];
        }
    int32_t largest = largest_in_row<int32_t>(from, 4, n - c);
    for (const vint& of : most)
        for (int l = 0; l < kLanes; ++l) largest = std::max<int32_t>(largest, of[l]);
    return largest;
}

/// Planes 4 bytes apart with 8 bytes from pixel to pixel are the parts of complex64.
inline bool interleaved(const PatchView& p) {
    return p.scalar == Scalar::float32 && p.column_stride == 8 && p.second == p.first + 4;
}

template <class Bits>
int32_t largest_in_plane(const char* from, int64_t row_stride, int64_t step, int64_t height, int64_t width) {
    if (row_stride == width * step)
        width *= height, height = 1;  // one long row is read at the speed of memory
    int32_t largest = 0;
    for (int64_t r = 0; r < height; ++r, from += row_stride)
        if (sizeof(Bits) == 4 && step == 4)
            largest = std::max(largest, largest_in_row(from, width));
        else if (step == sizeof(Bits))
            largest = std::max(largest, largest_in_row<Bits>(from, sizeof(Bits), width));
        else
            largest = std::max(largest, largest_in_row<Bits>(from, step, width));
    return largest;
}

template <class Bits>
void largest_in_planes(const PatchView& p, int32_t* first, int32_t* second) {
    if (interleaved(p)) {
        *first = largest_in_plane<Bits>(p.first, p.row_stride, 4, p.height, 2 * p.width);
    } else {
        *first = largest_in_plane<Bits>(p.first, p.row_stride, p.column_stride, p.height, p.width);
        *second = largest_in_plane<Bits>(p.second, p.row_stride, p.column_stride, p.height, p.width);
    }
}

inline float largest_value(const PatchView& p) {
    const bool half = p.scalar == Scalar::float16;
    int32_t first = 0, second = 0;
    if (half)
        largest_in_planes<int16_t>(p, &first, &second);
    else
        largest_in_planes<int32_t>(p, &first, &second);
    const int32_t infinite = half ? 0x7c00 : 0x7f800000;
    if (first >= infinite || second >= infinite) return std::numeric_limits<float>::infinity();
    const int32_t largest = p.values == Values::amplitude_phase ? first : std::max(first, second);
    if (half) return from_half(static_cast<uint16_t>(largest));
    return read_as<float>(reinterpret_cast<const char*>(&largest));
}

template <class T>
void copy_row(const T* __restrict from, int64_t n, float* __restrict to) {
    int64_t c = 0;
    for (; c + kLanes <= n; c += kLanes) store(to + c, load(from + c));
    for (; c < n; ++c) to[c] = to_float(from[c]);
}

template <class T>
void stage_plane_row(const char* from, int64_t step, int64_t n, float* __restrict to) {
    if (step == sizeof(T) && reinterpret_cast<uintptr_t>(from) % sizeof(T) == 0) {
        copy_row(reinterpret_cast<const T*>(from), n, to);
    } else {
        for (int64_t c = 0; c < n; ++c) to[c] = to_float(read_as<T>(from + c * step));
    }
}

inline void split_row(const char* from, int64_t n, float* __restrict re, float* __restrict im) {
    for (int64_t c = 0; c < n; ++c) {
        re[c] = read_as<float>(from + 8 * c);
        im[c] = read_as<float>(from + 8 * c + 4);
    }
}

inline void rotate_row(std::complex<float> by, int64_t n, float* __restrict re, float* __restrict im) {
    const float cosine = by.real(), sine = by.imag();
    for (int64_t c = 0; c < n; ++c) {
        const float r = re[c], m = im[c];
        re[c] = r * cosine - m * sine;
        im[c] = r * sine + m * cosine;
    }
}

inline void stage_row(const PatchView& p, int64_t row, float* first, float* second) {
    const char *a = p.first + row * p.row_stride, *b = p.second + row * p.row_stride;
    if (p.scalar == Scalar::float16) {
        stage_plane_row<uint16_t>(a, p.column_stride, p.width, first);
        stage_plane_row<uint16_t>(b, p.column_stride, p.width, second);
    } else if (interleaved(p)) {
        split_row(a, p.width, first, second);
    } else {
        stage_plane_row<float>(a, p.column_stride, p.width, first);
        stage_plane_row<float>(b, p.column_stride, p.width, second);
    }
    if (p.values == Values::amplitude_phase) polar_to_planes(first, second, p.width);
    if (p.rotation != std::complex<float>(1)) rotate_row(p.rotation, p.width, first, second);
}

/// Stages rows [row, row + count) into rows 0, 1, ... of `out`; rows that the patch does not have are zero.
inline void stage_rows(const PatchView& p, int64_t row, int64_t count, const Staged& out) {
    for (int64_t r = 0; r < count; ++r) {
        float *first = out.first + r * out.pitch, *second = out.second + r * out.pitch;
        if (row + r >= 0 && row + r < p.height) {
            stage_row(p, row + r, first, second);
        } else {
            std::fill_n(first, p.width, 0.0f);
            std::fill_n(second, p.width, 0.0f);
        }
    }
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
