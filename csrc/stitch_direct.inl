// Placing a patch without staging it: planes of float32 with neighbouring columns are read where they lie.
//
// The idea. Loading is what takes longest: a load that is not aligned touches two cache lines, and two taps
// per plane would be two of them. Here every pixel is loaded once, and its left neighbours come from a
// shuffle with the vector before. Loads are masked, so that what lies beyond the patch, which need not be
// memory and may be another patch that is not finite, reads as zero. The arithmetic is that of place_strip(),
// and so are the bits.
#pragma once

#include <utility>

#include "simd.h"
#include "stitch.h"
#include "stitch_taps.inl"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

#if defined(PTYCHOSCOPE_MASKED_LOADS)

inline bool reads_directly(const PatchView& p) {
    return p.scalar == Scalar::float32 && p.values == Values::real_imag && p.column_stride == 4 &&
           p.row_stride % 4 == 0 && p.rotation == std::complex<float>(1) &&
           (reinterpret_cast<uintptr_t>(p.first) | reinterpret_cast<uintptr_t>(p.second)) % 4 == 0;
}

/// The last two rows of a plane in a strip, shifted in x; nearest: the last row.
template <int Taps, int Blocks>
struct DirectRows {
    vfloat newest[Blocks], older[Blocks];
    vfloat before = {};  // the block to the left of the one that comes next

    template <class Load>
    void push(int b, const Weights<Taps>& x, Load load_block) {
        if constexpr (Taps == 1) {
            newest[b] = x.w[0] * load_block(b);
        } else {
            if (b == 0) before = load_block(-1);
            const vfloat v = load_block(b);
            older[b] = newest[b];
            newest[b] = fma(x.w[1], one_lane_up(before, v), x.w[0] * v);
            before = v;
        }
    }

    vfloat shifted(int b, const Weights<Taps>& y) const {
        const vfloat sum = y.w[0] * newest[b];
        if constexpr (Taps == 1) return sum;
        return fma(y.w[1], older[b], sum);
    }
};

/// Rows [row0, row1) of one strip.
template <int Taps, int Blocks, bool Windowed, bool Spread, class Sum>
void place_direct_strip(const Placement& p, const PatchView& patch, const Staged* window, const Sum& sum,
                        int64_t row0, int64_t row1, int64_t column, Ahead ahead) {
    static_assert(Taps <= 2);
    const Weights<Taps> y(p.y), x(p.x), window_y(p.window_y), window_x(p.window_x);
    const int64_t start = column - p.left, pitch = patch.row_stride / 4;
    vmask reached[Blocks], present[Blocks + 1];  // present[b + 1]: lanes of block b that the patch has
    for (int b = 0; b < Blocks; ++b) reached[b] = lanes_in(column + b * kLanes, p.box.column0, p.box.column1);
    for (int b = -1; b < Blocks; ++b) present[b + 1] = lanes_in(start + b * kLanes, 0, patch.width);

    DirectRows<Taps, Blocks> re, im, w;
    const float* re_row = reinterpret_cast<const float*>(patch.first) + (row0 - p.top) * pitch + start;
    const float* im_row = reinterpret_cast<const float*>(patch.second) + (row0 - p.top) * pitch + start;
    const float* w_row = Windowed ? window->first + (row0 - p.top) * window->pitch + start : nullptr;
    const auto from = [&](const float* row) {
        return [row, &present](int b) { return load(row + b * kLanes, present[b + 1]); };
    };
    const auto from_window = [](const float* row) { return [row](int b) { return load(row + b * kLanes); }; };
    const auto nothing = [](int) { return vfloat{}; };

    for (int b = 0; b < Blocks && Taps == 2; ++b) {
        if (row0 > p.top) {
            re.push(b, x, from(re_row - pitch));
            im.push(b, x, from(im_row - pitch));
        } else {
            re.push(b, x, nothing);
            im.push(b, x, nothing);
        }
        if constexpr (Windowed) w.push(b, window_x, from_window(w_row - window->pitch));
    }
    int64_t at = row0 * sum.pitch + column;
    for (int64_t row = row0; row < row1; ++row, at += sum.pitch) {
        for (int64_t line = 0; line < ahead.bytes_per_row; line += 64)
            __builtin_prefetch(ahead.from + (row - p.box.row0) * ahead.bytes_per_row + line);
        for (int b = 0; b < Blocks; ++b) {
            re.push(b, x, from(re_row));
            im.push(b, x, from(im_row));
            vfloat weight = broadcast(1.0f);
            if constexpr (Windowed) {
                w.push(b, window_x, from_window(w_row));
                weight = w.shifted(b, window_y);
            }
            sum.template add<Spread>(at + b * kLanes, re.shifted(b, y), im.shifted(b, y),
                                     keep(weight, reached[b]));
        }
        re_row += pitch;
        im_row += pitch;
        if constexpr (Windowed) w_row += window->pitch;
    }
}

template <int Taps, bool Windowed, bool Spread, class Sum>
void place_directly(const Placement& p, const PatchView& patch, const Staged* window, const Sum& sum,
                    int64_t row0, int64_t row1, Ahead ahead) {
    constexpr int wide = kLanes == 16 ? 5 : 4;  // measured; 64 pixels are 4 or 5 vectors of 16
    int64_t column = p.box.column0 / kLanes * kLanes;
    Ahead once = ahead;
    for (; column + (wide - 1) * kLanes < p.box.column1; column += wide * kLanes)
        place_direct_strip<Taps, wide, Windowed, Spread>(p, patch, window, sum, row0, row1, column,
                                                         std::exchange(once, {}));
    for (; column < p.box.column1; column += kLanes)
        place_direct_strip<Taps, 1, Windowed, Spread>(p, patch, window, sum, row0, row1, column,
                                                      std::exchange(once, {}));
}

#endif

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
