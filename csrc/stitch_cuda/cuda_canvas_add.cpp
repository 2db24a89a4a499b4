// CudaCanvas::add: the device inspects some patches, the host learns where they lie and what is to be left
// out, and the device adds the rest.
#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "stitch_cuda/cuda_canvas_state.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kMaxBytes = 1 << 28;    // of buffers
constexpr std::int64_t kMaxPatches = 1 << 20;  // inspected together

Box box_of(const PatchSummary& s) { return {s.row0, s.row1, s.column0, s.column1}; }

std::int64_t number_bytes(const PatchBatch& b) { return b.scalar == Scalar::float16 ? 2 : 4; }

bool needs_conversion(const PatchBatch& b) {
    return b.scalar != Scalar::float32 || b.values != Values::real_imag || b.rotations;
}

/// Bytes from the first one of a plane's patches to behind the last one, wherever strides lead.
struct Span {
    std::int64_t low = 0, high = 0;
    void extend(std::int64_t count, std::int64_t stride) {
        (stride < 0 ? low : high) += (count - 1) * stride;
    }
};

Span span_of(const PatchBatch& b) {
    Span span{0, number_bytes(b)};
    span.extend(b.count, b.patch_stride);
    span.extend(b.height, b.row_stride);
    span.extend(b.width, b.column_stride);
    return span;
}

PatchBatch part_of(PatchBatch b, std::int64_t start, std::int64_t count) {
    b.first = static_cast<const char*>(b.first) + start * b.patch_stride;
    b.second = static_cast<const char*>(b.second) + start * b.patch_stride;
    if (b.rotations) b.rotations += start;
    b.count = count;
    return b;
}

}  // namespace

void CudaCanvas::State::check(const PatchBatch& b, const double* positions) const {
    check_batch(b, positions, options.interpolation, window_height, window_width);
    const std::int64_t size = number_bytes(b);
    const bool aligned = reinterpret_cast<std::uintptr_t>(b.first) % static_cast<std::uintptr_t>(size) == 0 &&
                         reinterpret_cast<std::uintptr_t>(b.second) % static_cast<std::uintptr_t>(size) == 0;
    require(aligned && b.patch_stride % size == 0 && b.row_stride % size == 0 && b.column_stride % size == 0,
            "addresses and strides of patches on a device must be multiples of " + std::to_string(size) +
                " bytes");
}

std::int64_t CudaCanvas::State::patches_at_once(const PatchBatch& b) const {
    const std::int64_t each = std::max(12 * most_tiles(b.height, b.width), 8 * b.height * b.width);
    return std::clamp<std::int64_t>(kMaxBytes / each, 1, kMaxPatches);
}

PatchBatch CudaCanvas::State::upload(const PatchBatch& b) {
    PatchBatch there = b;
    if (b.rotations) {
        const float* rotations =
            buffers.rotations.upload(reinterpret_cast<const float*>(b.rotations), 2 * b.count);
        there.rotations = reinterpret_cast<const std::complex<float>*>(rotations);
    }
    if (device->holds(b.first)) {
        require(device->holds(b.second), "one plane of the patches lies on the device, the other does not");
        return there;
    }
    const char *first = static_cast<const char*>(b.first), *second = static_cast<const char*>(b.second);
    const Span span = span_of(b);
    const std::int64_t bytes = span.high - span.low, apart = second - first;
    if (apart >= 0 && apart < bytes) {  // one between the other
        first = buffers.first.upload(first + span.low, bytes + apart) - span.low;
        second = first + apart;
    } else {
        first = buffers.first.upload(first + span.low, bytes) - span.low;
        second = buffers.second.upload(second + span.low, bytes) - span.low;
    }
    there.first = first;
    there.second = second;
    return there;
}

FloatPlanes CudaCanvas::State::inspect(const PatchBatch& b, const double* positions,
                                       std::vector<PatchSummary>& summaries) {
    InspectPatches inspection;
    inspection.from = b;
    inspection.largest = buffers.largest.zeros(b.count);
    if (needs_conversion(b))
        inspection.converted = buffers.converted.reserve(2 * b.count * b.height * b.width);
    device->inspect(inspection, b.count);

    PlacePatches placing;
    placing.positions = buffers.positions.upload(positions, 2 * b.count);
    placing.largest = inspection.largest;
    placing.count = b.count;
    placing.height = b.height;
    placing.width = b.width;
    placing.interpolation = options.interpolation;
    placing.canvas = placement_limits(extent, options.grow);
    placing.placements = buffers.placements.reserve(b.count);
    placing.summaries = buffers.summaries.reserve(b.count);
    device->place(placing);
    summaries.resize(static_cast<std::size_t>(b.count));
    buffers.summaries.download(summaries.data(), b.count);

    if (!inspection.converted)
        return {static_cast<const char*>(b.first),
                static_cast<const char*>(b.second),
                b.height,
                b.width,
                b.patch_stride,
                b.row_stride,
                b.column_stride};
    const char* parts = reinterpret_cast<const char*>(inspection.converted);
    return {parts, parts + 4, b.height, b.width, 8 * b.height * b.width, 8 * b.width, 8};
}

TileLists CudaCanvas::State::list(std::int64_t count, const Placement* placements, const FloatPlanes& patches,
                                  const Box& reached) {
    TileLists lists;
    lists.grid = TileGrid::over(reached, accumulator.box().row0, accumulator.box().column0);
    const std::int64_t tiles = lists.grid.tiles();
    lists.placements = placements;
    lists.count = count;
    lists.room = count * std::min(tiles, most_tiles(patches.height, patches.width));
    lists.first = buffers.list_starts.zeros(2 * tiles + 1 + tiles / 32 + 64);
    lists.taken = lists.first + tiles + 1;
    lists.sums = lists.taken + tiles;
    lists.entry = buffers.entries.reserve(3 * lists.room);
    lists.unsorted = lists.entry + lists.room;
    lists.tile_of = lists.unsorted + lists.room;
    device->list_tiles(lists);
    return lists;
}

void CudaCanvas::State::stitch(const FloatPlanes& patches, std::int64_t from, std::int64_t to,
                               const Box& reached) {
    if (reached.empty()) return;
    StitchCall call;
    call.patches = patches;
    call.patches.first += from * patches.patch_stride;
    call.patches.second += from * patches.patch_stride;
    if (window_height > 0)
        call.window = {reinterpret_cast<const char*>(window.get()),
                       nullptr,
                       window_height,
                       window_width,
                       0,
                       4 * window_width,
                       4};
    call.sums = accumulator.sums();
    call.box = accumulator.box();
    call.placements = buffers.placements.get() + from;
    if (options.atomics) {
        call.patch_rows = (patches.height + kTileSide - 1) / kTileSide;
        call.patch_columns = (patches.width + kTileSide - 1) / kTileSide;
        device->scatter(call, to - from, options.interpolation, options.accumulate);
    } else {
        call.lists = list(to - from, call.placements, patches, reached);
        device->stitch(call, options.interpolation, options.accumulate);
    }
    dirty = union_of(dirty, reached);
}

void CudaCanvas::State::add(const PatchBatch& b, const double* positions, std::int64_t start,
                            AddReport& report) {
    std::vector<PatchSummary> summaries;
    const FloatPlanes patches = inspect(upload(b), positions, summaries);
    std::int64_t added = 0;
    Box reached;
    auto add_up_to = [&](std::int64_t i) {
        stitch(patches, added, i, std::exchange(reached, Box{}));
        added = i;
    };
    for (std::int64_t i = 0; i < b.count; ++i) {
        const PatchSummary& summary = summaries[static_cast<std::size_t>(i)];
        const Box box = box_of(summary);
        if (!std::isfinite(positions[2 * i]) || !std::isfinite(positions[2 * i + 1])) {
            report.bad_positions.push_back(start + i);
        } else if (!std::isfinite(summary.largest)) {
            report.bad_patches.push_back(start + i);
        } else if (box.empty()) {
            ++report.outside;
        } else {
            try {
                if (options.grow && !contains(extent, box)) grow(accumulator, box);
                if (options.accumulate == Accumulate::exact)
                    overflow_guard.note(summary.largest,
                                        [&] { return add_up_to(i), accumulator.largest_counts(); });
            } catch (const std::exception& error) {
                add_up_to(i);
                device->wait();
                const bool full = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
                throw std::overflow_error(
                    "patch " + std::to_string(start + i) + " " +
                    (full ? "would grow the canvas beyond the memory of this machine" : error.what()));
            }
            reached = union_of(reached, box);
        }
    }
    add_up_to(b.count);
    device->wait();
}

AddReport CudaCanvas::add(const PatchBatch& batch, const double* positions, bool wait) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    s.check(batch, positions);
    AddReport report;
    if (batch.count == 0) return report;
    s.device->use();
    if (wait) s.device->wait_for_all();
    s.device->start_clock();
    const std::int64_t step = s.patches_at_once(batch);
    for (std::int64_t start = 0; start < batch.count; start += step)
        s.add(part_of(batch, start, std::min(step, batch.count - start)), positions + 2 * start, start,
              report);
    s.device_seconds = s.device->stop_clock();
    return report;
}

}  // namespace ptychoscope
