// Placing a patch: shift, weigh, add once per pixel.
//
// The idea. The fraction of a pixel by which a patch is off the canvas' grid is the same for all its pixels,
// so interpolation is a shift in x followed by a shift in y, each a sum of `Taps` neighbours with constant
// weights. Going down a column of vectors, the last Taps rows, already shifted in x, stay in registers; every
// canvas pixel is then read and written once per patch. Columns of vectors are aligned with the canvas; lanes
// that the patch does not reach have weight zero. A strip is `Blocks` such columns side by side, as many as
// registers hold.
//
// The order of the additions at a pixel is the order of the patches and every product is rounded by a named
// operation, so the bits depend neither on bands of rows nor on strips.
#pragma once

#include "simd.h"
#include "stitch.h"
#include "stitch_sums.inl"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

/// The last Taps rows of one plane, shifted in x, newest first.
template <int Taps, int Blocks>
struct ShiftedRows {
    vfloat row[Taps][Blocks] = {};

    void push(const float* source, const vfloat (&x)[Taps]) {
        for (int t = Taps - 1; t > 0; --t)
            for (int b = 0; b < Blocks; ++b) row[t][b] = row[t - 1][b];
        for (int b = 0; b < Blocks; ++b) {
            vfloat sum = x[0] * load(source + b * kLanes);
            for (int t = 1; t < Taps; ++t) sum = fma(x[t], load(source + b * kLanes - t), sum);
            row[0][b] = sum;
        }
    }

    vfloat shifted(int b, const vfloat (&y)[Taps]) const {
        vfloat sum = y[0] * row[0][b];
        for (int t = 1; t < Taps; ++t) sum = fma(y[t], row[t][b], sum);
        return sum;
    }
};

template <int Taps>
struct Weights {
    vfloat y[Taps], x[Taps];
    Weights(const float* from_y, const float* from_x) {
        for (int t = 0; t < Taps; ++t) y[t] = broadcast(from_y[t]), x[t] = broadcast(from_x[t]);
    }
};

template <int Taps, int Blocks, bool Windowed, bool Spread, class Sum>
void place_strip(const Placement& p, const Staged& patch, const float* window, const Sum& sum, int64_t row0,
                 int64_t row1, int64_t column) {
    constexpr int lead = lead_of(Taps), window_taps = Taps == 1 ? 1 : 2;
    const Weights<Taps> k(p.y, p.x);
    const Weights<window_taps> wk(p.window_y, p.window_x);

    vfloat reached[Blocks];  // 1 where the patch has a value, 0 in the other lanes
    for (int b = 0; b < Blocks; ++b) {
        const vint c = lane_numbers() + static_cast<int32_t>(column + b * kLanes);
        const vint inside =
            (c >= static_cast<int32_t>(p.box.column0)) & (c < static_cast<int32_t>(p.box.column1));
        reached[b] = inside ? broadcast(1.0f) : broadcast(0.0f);
    }

    // The first Taps - 1 rows only fill the registers.
    const int64_t start = (row0 - p.top + lead - (Taps - 1)) * patch.pitch + column - p.left + lead;
    const float *re_row = patch.first + start, *im_row = patch.second + start;
    ShiftedRows<Taps, Blocks> re, im;
    ShiftedRows<window_taps, Blocks> w;
    for (int t = 0; t < Taps - 1; ++t, re_row += patch.pitch, im_row += patch.pitch) {
        re.push(re_row, k.x);
        im.push(im_row, k.x);
    }
    const float* w_row = nullptr;
    if constexpr (Windowed) {
        w_row = window + (row0 - p.top - (window_taps - 1)) * patch.pitch + column - p.left;
        for (int t = 0; t < window_taps - 1; ++t, w_row += patch.pitch) w.push(w_row, wk.x);
    }

    for (int64_t row = row0; row < row1; ++row, re_row += patch.pitch, im_row += patch.pitch) {
        re.push(re_row, k.x);
        im.push(im_row, k.x);
        if constexpr (Windowed) {
            w.push(w_row, wk.x);
            w_row += patch.pitch;
        }
        for (int b = 0; b < Blocks; ++b) {
            vfloat weight = reached[b];
            if constexpr (Windowed) weight = weight * w.shifted(b, wk.y);
            sum.template add<Spread>(row * sum.pitch + column + b * kLanes, re.shifted(b, k.y),
                                     im.shifted(b, k.y), weight);
        }
    }
}

template <int Taps, bool Windowed, bool Spread, class Sum>
void place_columns(const Placement& p, const Staged& patch, const float* window, const Sum& sum, int64_t row0,
                   int64_t row1) {
    constexpr int wide = Taps <= 2 ? kRegisters / 8 : Taps == 4 ? kRegisters / 16 : 1;
    int64_t column = p.box.column0 / kLanes * kLanes;
    for (; column + (wide - 1) * kLanes < p.box.column1; column += wide * kLanes)
        place_strip<Taps, wide, Windowed, Spread>(p, patch, window, sum, row0, row1, column);
    for (; column < p.box.column1; column += kLanes)
        place_strip<Taps, 1, Windowed, Spread>(p, patch, window, sum, row0, row1, column);
}

template <int Taps, class Sum>
void place(const Placement& p, const Staged& patch, const float* window, const Sums& sums, int64_t row0,
           int64_t row1) {
    const Sum sum(sums);
    if (window && sums.moment)
        place_columns<Taps, true, true>(p, patch, window, sum, row0, row1);
    else if (window)
        place_columns<Taps, true, false>(p, patch, window, sum, row0, row1);
    else if (sums.moment)
        place_columns<Taps, false, true>(p, patch, window, sum, row0, row1);
    else
        place_columns<Taps, false, false>(p, patch, window, sum, row0, row1);
}

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
