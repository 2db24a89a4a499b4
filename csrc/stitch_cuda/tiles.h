// For every tile of a canvas the list of the patches that reach it, made on the device.
//
// The idea. Count for every tile how many patches reach it; sum the counts up, which gives every list its
// beginning; let every patch put its number into the lists of its tiles, at the next free entry. Which one
// that is depends on which thread came first, so at last every entry counts how many of its list are smaller
// than itself and goes there: lists ascend, whatever the order of the threads was.
#pragma once

#include "stitch/stitch_kernel.h"
#include "stitch_cuda/host_device.h"

namespace ptychoscope {

constexpr int kTileSide = 32;  // columns: one warp, whose reads of a patch row lie side by side

/// Tiles side by side, counted by rows; (row0, column0) is the canvas pixel of the first.
struct TileGrid {
    std::int64_t row0 = 0, column0 = 0, rows = 0, columns = 0;
    constexpr std::int64_t tiles() const { return rows * columns; }

    /// Tiles that hold `box`, at whole tiles from the canvas pixel (row, column) before it.
    static TileGrid over(const Box& box, std::int64_t row, std::int64_t column) {
        TileGrid g;
        g.row0 = row + (box.row0 - row) / kTileSide * kTileSide;
        g.column0 = column + (box.column0 - column) / kTileSide * kTileSide;
        g.rows = (box.row1 - g.row0 + kTileSide - 1) / kTileSide;
        g.columns = (box.column1 - g.column0 + kTileSide - 1) / kTileSide;
        return g;
    }
};

/// How many tiles a patch of height x width can reach, wherever it lies.
inline std::int64_t most_tiles(std::int64_t height, std::int64_t width) {
    return (1 + (height + kTileSide - 2) / kTileSide) * (1 + (width + kTileSide - 2) / kTileSide);
}

template <class Visit>
PTYCHOSCOPE_HOST_DEVICE void on_each_tile(const TileGrid& grid, const Box& box, Visit visit) {
    if (box.empty()) return;
    const std::int64_t y1 = (box.row1 - 1 - grid.row0) / kTileSide;
    const std::int64_t x0 = (box.column0 - grid.column0) / kTileSide;
    const std::int64_t x1 = (box.column1 - 1 - grid.column0) / kTileSide;
    for (std::int64_t y = (box.row0 - grid.row0) / kTileSide; y <= y1; ++y)
        for (std::int64_t x = x0; x <= x1; ++x) visit(y * grid.columns + x);
}

/// Tile t has the patches entry[first[t]] ... entry[first[t + 1] - 1], ascending. All memory is the device's.
struct TileLists {
    TileGrid grid;
    const Placement* placements = nullptr;
    std::int64_t count = 0;         // of patches
    std::int32_t* first = nullptr;  // (tiles + 1); zero before
    std::int32_t* taken = nullptr;  // (tiles); zero before
    std::int32_t* entry = nullptr;  // these three: room for count * most_tiles()
    std::int32_t* unsorted = nullptr;
    std::int32_t* tile_of = nullptr;
    std::int32_t* sums = nullptr;  // for summing up: room for tiles / 32 + 64
    std::int64_t room = 0;
};

constexpr int kListThreads = 128;

/// One thread per patch.
struct CountTiles {
    static constexpr int kBlock = kListThreads;
    TileLists lists;
    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return lists.count; }
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        std::int32_t* first = lists.first;
        on_each_tile(lists.grid, lists.placements[i].box,
                     [=](std::int64_t tile) { atomic_next(first + tile); });
    }
};

constexpr int kRun = 64;  // numbers that one thread sums up

PTYCHOSCOPE_HOST_DEVICE std::int64_t runs_of(std::int64_t count) { return (count + kRun - 1) / kRun; }

/// Sums up runs of numbers: one thread per run.
struct SumRuns {
    static constexpr int kBlock = kListThreads;
    const std::int32_t* values = nullptr;
    std::int64_t count = 0;
    std::int32_t* sums = nullptr;
    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return runs_of(count); }
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t run) const {
        const std::int64_t start = run * kRun;
        std::int32_t sum = 0;
        for (std::int64_t i = start; i < start + kRun && i < count; ++i) sum += values[i];
        sums[run] = sum;
    }
};

/// Replaces every number by the sum of those before it, given the sum before every run: one thread per run.
struct AddUpRuns {
    static constexpr int kBlock = kListThreads;
    std::int32_t* values = nullptr;
    std::int64_t count = 0;
    const std::int32_t* before = nullptr;  // nullptr: there is only one run
    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return runs_of(count); }
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t run) const {
        const std::int64_t start = run * kRun;
        std::int32_t sum = before ? before[run] : 0;
        for (std::int64_t i = start; i < start + kRun && i < count; ++i) {
            const std::int32_t value = values[i];
            values[i] = sum;
            sum += value;
        }
    }
};

/// One thread per patch.
struct FillTiles {
    static constexpr int kBlock = kListThreads;
    TileLists lists;
    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return lists.count; }
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        const TileLists& l = lists;
        on_each_tile(l.grid, l.placements[i].box, [=](std::int64_t tile) {
            const std::int64_t at = l.first[tile] + atomic_next(l.taken + tile);
            l.unsorted[at] = static_cast<std::int32_t>(i);
            l.tile_of[at] = static_cast<std::int32_t>(tile);
        });
    }
};

/// One thread per entry that there may be.
struct SortTiles {
    static constexpr int kBlock = kListThreads;
    TileLists lists;
    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return lists.first[lists.grid.tiles()]; }
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        const std::int32_t tile = lists.tile_of[i], mine = lists.unsorted[i];
        const std::int32_t first = lists.first[tile], last = lists.first[tile + 1];
        std::int32_t smaller = 0;
        for (std::int32_t k = first; k < last; ++k) smaller += lists.unsorted[k] < mine;
        lists.entry[first + smaller] = mine;
    }
};

}  // namespace ptychoscope
