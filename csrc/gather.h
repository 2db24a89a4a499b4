// Stitching on a device: every pixel of the canvas gathers, in order, what the patches over it predict.
//
// The idea. The canvas is cut into tiles of 32 x 32 pixels, and every tile has the list of the patches that
// reach it, in the order in which they were given. A thread owns one column of a tile, four rows high: it
// walks the list, shifts the patch in x row by row, keeps the last rows for the shift in y, and adds. No two
// threads write to one pixel, so there are no atomics, and the sum at a pixel has the order of the patches:
// the same arithmetic in the same order as on a CPU, run after run. What a thread does is written here once,
// for the device and for a test on the host.
//
// Every product and sum is rounded by itself or by fmaf(): compile without contraction.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "stitch.h"

#if defined(__CUDACC__)
#define PTYCHOSCOPE_BOTH __host__ __device__ inline
#define PTYCHOSCOPE_UNROLL _Pragma("unroll")
#else
#define PTYCHOSCOPE_BOTH inline
#define PTYCHOSCOPE_UNROLL
#endif

namespace ptychoscope {

constexpr int kTileSide = 32;      // columns: one warp, whose reads of a patch row lie side by side
constexpr int kRowsPerThread = 4;  // of canvas: a patch row is read (4 + taps - 1) / 4 times
constexpr float kLeastScale = 1.17549435e-38f;  // the least normal float

/// For tile t, counted by rows, the patches entry[first[t]] ... entry[first[t + 1] - 1].
struct TileLists {
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> entry;
    std::int64_t row0 = 0, column0 = 0, rows = 0, columns = 0;  // pixel of the first tile; number of tiles
    std::int64_t tiles() const { return rows * columns; }
};

/// Lists of the tiles that hold `dirty`; placements with an empty box are in none.
TileLists tile_lists(const std::vector<Placement>& placements, const Box& dirty);

/// float32 planes of patches or, with one patch, of the window; strides in floats.
struct GatherPlanes {
    const float* first = nullptr;
    const float* second = nullptr;
    std::int64_t height = 0, width = 0, patch_stride = 0, row_stride = 0, column_stride = 0;
};

/// Sums of every pixel of a canvas, row by row: what the CPU holds in Accumulate::float32.
struct GatherSums {
    float *re = nullptr, *im = nullptr, *weight = nullptr,
          *moment = nullptr;  // moment: nullptr for no spread
    std::int64_t height = 0, width = 0;
};

/// What all threads of one call share. Pointers are to the memory that the threads can reach.
struct GatherCall {
    GatherPlanes patches, window;  // window.first: nullptr for none
    GatherSums sums;
    const Placement* placements = nullptr;
    const std::int64_t* first = nullptr;
    const std::int32_t* entry = nullptr;
    std::int64_t row0 = 0, column0 = 0, tile_columns = 0;
};

/// The sums of one pixel; see the CPU's FloatSums for the moment.
struct PixelSums {
    float re = 0, im = 0, weight = 0, moment = 0;

    PTYCHOSCOPE_BOTH void add(float r, float m, float w, bool spread) {
        const float new_weight = weight + w;
        if (spread) {
            const float off_re = fmaf(weight, r, -re), off_im = fmaf(weight, m, -im);
            const float off = fmaf(off_re, off_re, off_im * off_im);
            const float product = weight * new_weight;
            moment = fmaf(w, off / (product > kLeastScale ? product : kLeastScale), moment);
        }
        re = fmaf(w, r, re);
        im = fmaf(w, m, im);
        weight = new_weight;
    }
};

/// One row of a plane shifted in x at `column`; pixels that the plane does not have are 0.
template <int Taps>
PTYCHOSCOPE_BOTH float shift_in_x(const float* plane, const GatherPlanes& g, std::int64_t row,
                                  std::int64_t column, const float* weights) {
    float sum = 0;
    if (row < 0 || row >= g.height) return sum;
    PTYCHOSCOPE_UNROLL
    for (int t = 0; t < Taps; ++t) {
        const std::int64_t c = column - t;
        const float value = c >= 0 && c < g.width ? plane[row * g.row_stride + c * g.column_stride] : 0;
        sum = t == 0 ? weights[0] * value : fmaf(weights[t], value, sum);
    }
    return sum;
}

/// The last rows of a plane, shifted in x, newest first.
template <int Taps>
struct LastRows {
    float row[Taps] = {};
    PTYCHOSCOPE_BOTH void push(float value) {
        PTYCHOSCOPE_UNROLL
        for (int t = Taps - 1; t > 0; --t) row[t] = row[t - 1];
        row[0] = value;
    }
    PTYCHOSCOPE_BOTH float shifted(const float* weights) const {
        float sum = weights[0] * row[0];
        PTYCHOSCOPE_UNROLL
        for (int t = 1; t < Taps; ++t) sum = fmaf(weights[t], row[t], sum);
        return sum;
    }
};

/// Adds what patch `index` predicts at rows row0 ... row0 + kRowsPerThread - 1 of one column.
template <int Taps>
PTYCHOSCOPE_BOTH void gather_patch(const GatherCall& call, std::int32_t index, std::int64_t row0,
                                   std::int64_t column, PixelSums* sums) {
    constexpr int lead = lead_of(Taps), window_taps = Taps == 1 ? 1 : 2;
    const Placement& p = call.placements[index];
    if (column < p.box.column0 || column >= p.box.column1) return;
    if (row0 >= p.box.row1 || row0 + kRowsPerThread <= p.box.row0) return;
    const float* first = call.patches.first + index * call.patches.patch_stride;
    const float* second = call.patches.second + index * call.patches.patch_stride;
    LastRows<Taps> re, im;
    LastRows<window_taps> weights;
    PTYCHOSCOPE_UNROLL
    for (int r = 1 - Taps; r < kRowsPerThread; ++r) {
        const std::int64_t row = row0 + r, y = row - p.top, x = column - p.left;
        re.push(shift_in_x<Taps>(first, call.patches, y + lead, x + lead, p.x));
        im.push(shift_in_x<Taps>(second, call.patches, y + lead, x + lead, p.x));
        if (call.window.first)
            weights.push(shift_in_x<window_taps>(call.window.first, call.window, y, x, p.window_x));
        if (r < 0 || row < p.box.row0 || row >= p.box.row1) continue;
        const float weight = call.window.first ? weights.shifted(p.window_y) : 1;
        sums[r].add(re.shifted(p.y), im.shifted(p.y), weight, call.sums.moment != nullptr);
    }
}

/// What thread (x, y) of a tile does.
template <int Taps>
PTYCHOSCOPE_BOTH void gather_column(const GatherCall& call, std::int64_t tile, int x, int y) {
    const std::int64_t row0 = call.row0 + tile / call.tile_columns * kTileSide + y * kRowsPerThread;
    const std::int64_t column = call.column0 + tile % call.tile_columns * kTileSide + x;
    const std::int64_t first = call.first[tile], last = call.first[tile + 1];
    const GatherSums& s = call.sums;
    if (first == last || column >= s.width || row0 >= s.height) return;

    PixelSums sums[kRowsPerThread];
    PTYCHOSCOPE_UNROLL
    for (int r = 0; r < kRowsPerThread; ++r) {
        if (row0 + r >= s.height) continue;
        const std::int64_t at = (row0 + r) * s.width + column;
        sums[r].re = s.re[at];
        sums[r].im = s.im[at];
        sums[r].weight = s.weight[at];
        if (s.moment) sums[r].moment = s.moment[at];
    }
    for (std::int64_t i = first; i < last; ++i) gather_patch<Taps>(call, call.entry[i], row0, column, sums);
    PTYCHOSCOPE_UNROLL
    for (int r = 0; r < kRowsPerThread; ++r) {
        if (row0 + r >= s.height) continue;
        const std::int64_t at = (row0 + r) * s.width + column;
        s.re[at] = sums[r].re;
        s.im[at] = sums[r].im;
        s.weight[at] = sums[r].weight;
        if (s.moment) s.moment[at] = sums[r].moment;
    }
}

/// What is read of a pixel.
enum class Reading { real, imag, coverage, spread };
PTYCHOSCOPE_BOTH float read_pixel(const GatherSums& s, Reading reading, std::int64_t at) {
    const float w = s.weight[at];
    switch (reading) {
        case Reading::real:
            return w > 0 ? s.re[at] / w : 0;
        case Reading::imag:
            return w > 0 ? s.im[at] / w : 0;
        case Reading::coverage:
            return w;
        case Reading::spread:
            return sqrtf(w > 0 ? s.moment[at] / w : 0);
    }
    return 0;
}

}  // namespace ptychoscope
