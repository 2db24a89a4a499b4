// Transposition of a square of kLanes x kLanes floats in registers.
//
// Two steps: 4 x 4 squares are transposed inside the 128-bit quarters (unpack 32, unpack 64), then the
// quarters of rows that are four apart change places. Every shuffle is one instruction on SSE, AVX2, AVX-512
// and NEON.
#pragma once

#include <utility>

#include "cpu/simd.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

/// Within each quarter: elements 0, 1 (or 2, 3) of a and b, taken in turns of Width.
template <int Width, bool High>
struct Unpack {
    static constexpr int at(int i) {
        const int quarter = i / 4 * 4, k = i % 4;
        const bool from_b = Width == 1 ? k % 2 == 1 : k / 2 == 1;
        return quarter + (High ? 2 : 0) + (Width == 1 ? k / 2 : k % 2) + (from_b ? kLanes : 0);
    }
};

/// The lower (or upper) half of the quarters of a, then those of b.
template <bool Upper>
struct Halves {
    static constexpr int at(int i) {
        return (i < kLanes / 2 ? i : i + kLanes / 2) + (Upper ? kLanes / 2 : 0);
    }
};

/// The even (or odd) quarters of a, then those of b.
template <bool Odd>
struct Alternate {
    static constexpr int at(int i) {
        const int quarter = i / 4;
        return (2 * quarter + (Odd ? 1 : 0)) * 4 + i % 4;
    }
};

template <class Pattern, int... I>
inline vfloat shuffle_by(vfloat a, vfloat b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, Pattern::at(I)...);
}

template <class Pattern>
inline vfloat shuffle(vfloat a, vfloat b) {
    return shuffle_by<Pattern>(a, b, std::make_integer_sequence<int, kLanes>{});
}

inline void transpose_quarters(vfloat& a, vfloat& b, vfloat& c, vfloat& d) {
    const vfloat ab = shuffle<Unpack<1, false>>(a, b), cd = shuffle<Unpack<1, false>>(c, d);
    const vfloat ab2 = shuffle<Unpack<1, true>>(a, b), cd2 = shuffle<Unpack<1, true>>(c, d);
    a = shuffle<Unpack<2, false>>(ab, cd), b = shuffle<Unpack<2, true>>(ab, cd);
    c = shuffle<Unpack<2, false>>(ab2, cd2), d = shuffle<Unpack<2, true>>(ab2, cd2);
}

/// rows[i][j] <-> rows[j][i]
inline void transpose(vfloat (&rows)[kLanes]) {
#pragma GCC unroll 4
    for (int g = 0; g < kLanes; g += 4) transpose_quarters(rows[g], rows[g + 1], rows[g + 2], rows[g + 3]);
    if constexpr (kLanes == 8) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            const vfloat a = rows[i], b = rows[i + 4];
            rows[i] = shuffle<Halves<false>>(a, b), rows[i + 4] = shuffle<Halves<true>>(a, b);
        }
    } else if constexpr (kLanes == 16) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            const vfloat a = shuffle<Halves<false>>(rows[i], rows[i + 4]);
            const vfloat b = shuffle<Halves<true>>(rows[i], rows[i + 4]);
            const vfloat c = shuffle<Halves<false>>(rows[i + 8], rows[i + 12]);
            const vfloat d = shuffle<Halves<true>>(rows[i + 8], rows[i + 12]);
            rows[i] = shuffle<Alternate<false>>(a, c), rows[i + 4] = shuffle<Alternate<true>>(a, c);
            rows[i + 8] = shuffle<Alternate<false>>(b, d), rows[i + 12] = shuffle<Alternate<true>>(b, d);
        }
    }
}

/// Transposes a square in memory: to[j * to_stride + i] = from[i * from_stride + j] * scale.
inline void transpose_square(const float* from, int from_stride, float* to, int to_stride, vfloat scale) {
    vfloat square[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) square[i] = load(from + i * from_stride) * scale;
    transpose(square);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(to + i * to_stride, square[i]);
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
