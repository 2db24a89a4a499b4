// Stitching on a device: every pixel of the canvas sums up, in order, what the patches over it predict.
//
// The idea. The canvas is cut into tiles of 32 x 32 pixels, and every tile has the list of the patches that
// reach it, in the order in which they were given. A thread owns one column of a tile, four rows high: it
// walks the list, shifts the patch in x row by row, keeps the last rows for the shift in y, and adds. No two
// threads write to one pixel, so there are no atomics, and the sum at a pixel has the order of the patches:
// the same arithmetic in the same order as on a CPU, run after run.
//
// The other way round, Scatter, cuts every patch into tiles and adds what they predict to the canvas by
// atomic operations. Needs no lists, but float sums then depend on which thread came first.
//
// Every product and sum is rounded by itself or by fmaf(): compile without contraction.
#pragma once

#include "stitch/stitch_kernel.h"
#include "stitch_cuda/host_device.h"
#include "stitch_cuda/sum_types.h"
#include "stitch_cuda/tiles.h"

namespace ptychoscope {

constexpr int kRowsPerThread = 4;  // of canvas: a patch row is read (4 + taps - 1) / 4 times

/// float32 planes of patches or, with one patch, of the window; strides in bytes.
struct FloatPlanes {
    const char* first = nullptr;
    const char* second = nullptr;
    std::int64_t height = 0, width = 0, patch_stride = 0, row_stride = 0, column_stride = 0;
};

/// What all threads of one launch share. Pointers are to the device's memory.
struct StitchCall {
    FloatPlanes patches, window;  // window.first: nullptr for none
    Sums sums;                    // of the canvas pixels of `box`
    Box box;
    const Placement* placements = nullptr;
    TileLists lists;                                 // Stitch
    std::int64_t patch_rows = 0, patch_columns = 0;  // Scatter: tiles of a patch
    PTYCHOSCOPE_HOST_DEVICE std::int64_t at(std::int64_t row, std::int64_t column) const {
        return (row - box.row0) * sums.pitch + column - box.column0;
    }
};

/// One row of a plane shifted in x at `column`; pixels that the plane does not have are 0.
template <int Taps>
PTYCHOSCOPE_HOST_DEVICE float shift_in_x(const char* plane, const FloatPlanes& g, std::int64_t row,
                                         std::int64_t column, const float* weights) {
    float sum = 0;
    if (row < 0 || row >= g.height) return sum;
    const char* at = plane + row * g.row_stride + column * g.column_stride;
    PTYCHOSCOPE_UNROLL
    for (int t = 0; t < Taps; ++t) {
        const bool there = column - t >= 0 && column - t < g.width;
        const float value = there ? *reinterpret_cast<const float*>(at - t * g.column_stride) : 0;
        sum = t == 0 ? weights[0] * value : fmaf(weights[t], value, sum);
    }
    return sum;
}

/// The last rows of a plane, shifted in x, newest first.
template <int Taps>
struct LastRows {
    float row[Taps] = {};
    PTYCHOSCOPE_HOST_DEVICE void push(float value) {
        PTYCHOSCOPE_UNROLL
        for (int t = Taps - 1; t > 0; --t) row[t] = row[t - 1];
        row[0] = value;
    }
    PTYCHOSCOPE_HOST_DEVICE float shifted(const float* weights) const {
        float sum = weights[0] * row[0];
        PTYCHOSCOPE_UNROLL
        for (int t = 1; t < Taps; ++t) sum = fmaf(weights[t], row[t], sum);
        return sum;
    }
};

/// What patch `index` predicts at rows row0 ... row0 + kRowsPerThread - 1 of one column, where it predicts
/// anything: calls add(r, re, im, weight) for row0 + r.
template <int Taps, class Add>
PTYCHOSCOPE_HOST_DEVICE void predict(const StitchCall& call, std::int64_t index, std::int64_t row0,
                                     std::int64_t column, Add add) {
    constexpr int lead = lead_of(Taps), window_taps = Taps == 1 ? 1 : 2;
    const Placement& p = call.placements[index];
    if (column < p.box.column0 || column >= p.box.column1) return;
    if (row0 >= p.box.row1 || row0 + kRowsPerThread <= p.box.row0) return;
    const char* first = call.patches.first + index * call.patches.patch_stride;
    const char* second = call.patches.second + index * call.patches.patch_stride;
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
        add(r, re.shifted(p.y), im.shifted(p.y), call.window.first ? weights.shifted(p.window_y) : 1);
    }
}

/// One block per tile of the canvas.
template <int Taps, class Pixel>
struct Stitch {
    static constexpr int kColumns = kTileSide, kRows = kTileSide / kRowsPerThread;
    StitchCall call;

    PTYCHOSCOPE_HOST_DEVICE void operator()(const Thread& t) const {
        const TileGrid& grid = call.lists.grid;
        const std::int64_t row0 = grid.row0 + t.block / grid.columns * kTileSide + t.y * kRowsPerThread;
        const std::int64_t column = grid.column0 + t.block % grid.columns * kTileSide + t.x;
        const std::int32_t begin = call.lists.first[t.block], end = call.lists.first[t.block + 1];
        if (begin == end || column >= call.box.column1) return;

        const PlanesOf<typename Pixel::Number> planes(call.sums);
        Pixel pixels[kRowsPerThread];
        PTYCHOSCOPE_UNROLL
        for (int r = 0; r < kRowsPerThread; ++r)
            if (row0 + r < call.box.row1) pixels[r].load(planes, call.at(row0 + r, column));
        for (std::int32_t i = begin; i < end; ++i)
            predict<Taps>(call, call.lists.entry[i], row0, column,
                          [&](int r, float re, float im, float w) { pixels[r].add(call.sums, re, im, w); });
        PTYCHOSCOPE_UNROLL
        for (int r = 0; r < kRowsPerThread; ++r)
            if (row0 + r < call.box.row1) pixels[r].store(planes, call.at(row0 + r, column));
    }
};

/// One block per tile of every patch.
template <int Taps, class Pixel>
struct Scatter {
    static constexpr int kColumns = kTileSide, kRows = kTileSide / kRowsPerThread;
    StitchCall call;

    PTYCHOSCOPE_HOST_DEVICE void operator()(const Thread& t) const {
        const std::int64_t tiles = call.patch_rows * call.patch_columns;
        const std::int64_t index = t.block / tiles, tile = t.block % tiles;
        const Box& box = call.placements[index].box;
        const std::int64_t row0 = box.row0 + tile / call.patch_columns * kTileSide + t.y * kRowsPerThread;
        const std::int64_t column = box.column0 + tile % call.patch_columns * kTileSide + t.x;
        predict<Taps>(call, index, row0, column, [&](int r, float re, float im, float w) {
            Pixel::add_atomic(call.sums, call.at(row0 + r, column), re, im, w);
        });
    }
};

}  // namespace ptychoscope
