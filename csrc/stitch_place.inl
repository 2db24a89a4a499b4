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

#include <algorithm>
#include <utility>

#include "simd.h"
#include "stitch.h"
#include "stitch_direct.inl"
#include "stitch_stage.inl"
#include "stitch_sums.inl"
#include "stitch_taps.inl"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

/// The last Taps rows of one plane in a strip, shifted in x, newest first.
template <int Taps, int Blocks>
struct ShiftedRows {
    vfloat row[Taps][Blocks];

    static vfloat shift(const float* source, const Weights<Taps>& x) {
        vfloat sum = x.w[0] * load(source);
        for (int t = 1; t < Taps; ++t) sum = fma(x.w[t], load(source - t), sum);
        return sum;
    }

    /// The Taps - 1 rows from `source` on; returns the row after them.
    const float* fill(const float* source, int64_t pitch, const Weights<Taps>& x) {
        for (int t = Taps - 2; t >= 0; --t, source += pitch)
            for (int b = 0; b < Blocks; ++b) row[t][b] = shift(source + b * kLanes, x);
        return source;
    }

    void push(int b, const float* source, const Weights<Taps>& x) {
        for (int t = Taps - 1; t > 0; --t) row[t][b] = row[t - 1][b];
        row[0][b] = shift(source + b * kLanes, x);
    }

    vfloat shifted(int b, const Weights<Taps>& y) const {
        vfloat sum = y.w[0] * row[0][b];
        for (int t = 1; t < Taps; ++t) sum = fma(y.w[t], row[t][b], sum);
        return sum;
    }
};

/// Rows [row0, row1) of one strip. `rows` holds the staged rows that they need, from the first on.
template <int Taps, int Blocks, bool Windowed, bool Spread, class Sum>
void place_strip(const Placement& p, const Staged& rows, const Staged* window, Sum sum, int64_t row0,
                 int64_t row1, int64_t column, Ahead ahead) {
    constexpr int lead = lead_of(Taps), window_taps = Taps == 1 ? 1 : 2;
    const Weights<Taps> y(p.y), x(p.x);
    const Weights<window_taps> window_y(p.window_y), window_x(p.window_x);

    vfloat reached[Blocks];  // 1 where the patch has a value, 0 in the other lanes
    for (int b = 0; b < Blocks; ++b) {
        const vint c = lane_numbers() + static_cast<int32_t>(column + b * kLanes);
        const vint inside =
            (c >= static_cast<int32_t>(p.box.column0)) & (c < static_cast<int32_t>(p.box.column1));
        reached[b] = inside ? broadcast(1.0f) : broadcast(0.0f);
    }

    const int64_t pitch = rows.pitch, start = column - p.left;
    ShiftedRows<Taps, Blocks> re, im;
    ShiftedRows<window_taps, Blocks> w;
    const float* re_row = re.fill(rows.first + start + lead, pitch, x);
    const float* im_row = im.fill(rows.second + start + lead, pitch, x);
    const float* w_row = nullptr;
    int64_t window_pitch = 0;
    if constexpr (Windowed) {
        window_pitch = window->pitch;
        w_row = window->first + (row0 - p.top - (window_taps - 1)) * window_pitch + start;
        w_row = w.fill(w_row, window_pitch, window_x);
    }
    int64_t at = row0 * sum.pitch + column;
    for (int64_t row = row0; row < row1; ++row, at += sum.pitch) {
        for (int64_t line = 0; line < ahead.bytes_per_row; line += 64)
            __builtin_prefetch(ahead.from + (row - p.box.row0) * ahead.bytes_per_row + line);
        for (int b = 0; b < Blocks; ++b) {
            re.push(b, re_row, x);
            im.push(b, im_row, x);
            vfloat weight = reached[b];
            if constexpr (Windowed) {
                w.push(b, w_row, window_x);
                weight = weight * w.shifted(b, window_y);
            }
            sum.template add<Spread>(at + b * kLanes, re.shifted(b, y), im.shifted(b, y), weight);
        }
        re_row += pitch;
        im_row += pitch;
        w_row += window_pitch;
    }
}

template <int Taps, bool Windowed, bool Spread, class Sum>
void place_rows(const Placement& p, const PatchView& patch, const Staged& buffer, const Staged* window,
                const Sum& sum, int64_t row0, int64_t row1, Ahead ahead) {
    constexpr int wide = Taps <= 2 ? kRegisters / 8 : Taps == 4 ? kRegisters / 16 : 1;
    const int64_t step = buffer.rows - (Taps - 1);
    for (int64_t low = row0; low < row1; low += step) {
        const int64_t high = std::min(low + step, row1);
        stage_rows(patch, low - p.top + lead_of(Taps) - (Taps - 1), high - low + Taps - 1, buffer);
        int64_t column = p.box.column0 / kLanes * kLanes;
        Ahead once = ahead;
        for (; column + (wide - 1) * kLanes < p.box.column1; column += wide * kLanes)
            place_strip<Taps, wide, Windowed, Spread>(p, buffer, window, sum, low, high, column,
                                                      std::exchange(once, {}));
        for (; column < p.box.column1; column += kLanes)
            place_strip<Taps, 1, Windowed, Spread>(p, buffer, window, sum, low, high, column,
                                                   std::exchange(once, {}));
    }
}

template <int Taps, bool Windowed, bool Spread, class Sum>
void place_patch(const Placement& p, const PatchView& patch, const Staged& buffer, const Staged* window,
                 const Sums& sums, int64_t row0, int64_t row1, Ahead ahead) {
    const Sum sum(sums);
#if defined(PTYCHOSCOPE_MASKED_LOADS)
    if constexpr (Taps <= 2)
        if (reads_directly(patch))
            return place_directly<Taps, Windowed, Spread>(p, patch, window, sum, row0, row1, ahead);
#endif
    place_rows<Taps, Windowed, Spread>(p, patch, buffer, window, sum, row0, row1, ahead);
}

template <int Taps, class Sum>
void place(const Placement& p, const PatchView& patch, const Staged& buffer, const Staged* window,
           const Sums& sums, int64_t row0, int64_t row1, Ahead ahead) {
    if (window && sums.moment)
        place_patch<Taps, true, true, Sum>(p, patch, buffer, window, sums, row0, row1, ahead);
    else if (window)
        place_patch<Taps, true, false, Sum>(p, patch, buffer, window, sums, row0, row1, ahead);
    else if (sums.moment)
        place_patch<Taps, false, true, Sum>(p, patch, buffer, window, sums, row0, row1, ahead);
    else
        place_patch<Taps, false, false, Sum>(p, patch, buffer, window, sums, row0, row1, ahead);
}

/// Takes the place of sums: looks at the image where a patch would be added, and adds nothing.
template <class Sum>
struct Correlation {
    Sum sums;
    int64_t pitch;
    std::complex<double>* total;

    template <bool Spread>
    void add(int64_t i, vfloat re, vfloat im, vfloat w) const {
        for (int l = 0; l < kLanes; ++l) {
            if (w[l] == 0) continue;
            const auto image = sums.read(i + l);
            const double r = re[l], m = im[l], weight = w[l];
            *total += weight * std::complex<double>(r * image.re + m * image.im, r * image.im - m * image.re);
        }
    }
};

template <int Taps, class Sum>
std::complex<double> correlate(const Placement& p, const PatchView& patch, const Staged& buffer,
                               const Staged* window, const Sums& sums) {
    std::complex<double> total = 0;
    const Correlation<Sum> sum = {Sum(sums), sums.pitch, &total};
    if (window)
        place_rows<Taps, true, false>(p, patch, buffer, window, sum, p.box.row0, p.box.row1, {});
    else
        place_rows<Taps, false, false>(p, patch, buffer, window, sum, p.box.row0, p.box.row1, {});
    return total;
}

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
