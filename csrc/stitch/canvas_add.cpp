// Canvas::add: inspect a few patches, then place them, band of rows by band of rows.
//
// Threads share patches while inspecting (is it finite, where does it lie), and rows while placing: a band of
// canvas rows belongs to one thread, which walks all patches in their order, so no sum depends on who
// computes it. One thread inspects a few patches and then walks bands so narrow that the canvas under them
// stays in the first cache; while it does, it fetches the next few patches into the second one, so that
// memory is busy all the time.
#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string>

#include "stitch/canvas_state.h"
#include "stitch/placement.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kParallelPixels = 1 << 18;  // below this, waking threads costs more than it brings
constexpr std::int64_t kChunkPixels = 1 << 20;  // several threads: inspected, then placed from a shared cache
constexpr std::int64_t kNearPixels = 1 << 15;   // one thread: inspected, then placed from its second cache
constexpr std::int64_t kNearPatches = 8;
// Of the canvas in the first cache; what streams by has the rest. A band begins by reading taps - 1 rows
// above it: with many taps, taller ones pay.
constexpr std::int64_t kBandBytes = 14 << 10, kTallBandBytes = 23 << 10;
constexpr std::int64_t kBufferFloats = 1100;  // new staged rows, per plane

/// Patches [start, start + count), when they lie in memory in one piece.
Prefetch prefetch_of(const PatchBatch& b, std::int64_t start, std::int64_t count) {
    if (count <= 0) return {};
    const PatchView next = view_of(b, start);
    const std::int64_t row = b.width * b.column_stride, plane = b.height * row;
    const std::int64_t gap = next.second - next.first;
    const bool interleaved = gap > 0 && gap < b.column_stride;
    if (row <= 0 || b.row_stride != row || !(interleaved || gap == plane) ||
        b.patch_stride != (interleaved ? plane : 2 * plane))
        return {};
    return {next.first, next.first + count * b.patch_stride};
}

}  // namespace

Canvas::State::InspectedPatch Canvas::State::inspect(const PatchView& view, const double* position) const {
    InspectedPatch patch = {view, {}, 0, PatchStatus::usable};
    if (!std::isfinite(position[0]) || !std::isfinite(position[1])) {
        patch.status = PatchStatus::bad_position;
        return patch;
    }
    patch.placement = place_patch(position[0], position[1], view.height, view.width, options.interpolation,
                                  placement_limits(extent, options.grow));
    patch.largest = kernels->largest(view);
    if (!std::isfinite(patch.largest))
        patch.status = PatchStatus::bad_patch;
    else if (patch.placement.box.empty())
        patch.status = PatchStatus::outside;
    return patch;
}

void Canvas::State::make_room(std::vector<InspectedPatch>& patches, std::int64_t start, AddReport& report) {
    for (std::size_t i = 0; i < patches.size(); ++i) {
        const std::int64_t index = start + static_cast<std::int64_t>(i);
        if (patches[i].status == PatchStatus::bad_position) report.bad_positions.push_back(index);
        if (patches[i].status == PatchStatus::bad_patch) report.bad_patches.push_back(index);
        if (patches[i].status == PatchStatus::outside) ++report.outside;
        if (patches[i].status != PatchStatus::usable) continue;
        try {
            if (options.grow && !contains(extent, patches[i].placement.box))
                grow(accumulator, patches[i].placement.box);
            if (options.accumulate == Accumulate::exact)
                overflow_guard.note(patches[i].largest, [this] { return accumulator.largest_counts(); });
        } catch (const std::exception& error) {
            patches.resize(i);
            place(patches, false, {});
            const bool full = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
            throw std::overflow_error(
                "patch " + std::to_string(index) + " " +
                (full ? "would grow the canvas beyond the memory of this machine" : error.what()));
        }
        dirty = union_of(dirty, patches[i].placement.box);
        blank = false;
    }
}

/// Rows where one band ends and the next begins, each with about the same number of patch rows.
std::vector<std::int64_t> Canvas::State::bands(const std::vector<InspectedPatch>& patches) const {
    std::vector<std::int64_t> work(static_cast<std::size_t>(extent.row1 - extent.row0) + 1, 0);
    for (const InspectedPatch& patch : patches)
        if (patch.status == PatchStatus::usable)
            ++work[patch.placement.box.row0 - extent.row0], --work[patch.placement.box.row1 - extent.row0];
    std::int64_t active = 0, total = 0;
    for (std::int64_t& w : work) total += active += w, w = total;
    std::vector<std::int64_t> cuts = {extent.row0};
    for (int i = 1; i < options.threads; ++i)
        cuts.push_back(
            extent.row0 +
            (std::lower_bound(work.begin(), work.end(), total * i / options.threads) - work.begin()));
    cuts.push_back(extent.row1);
    return cuts;
}

void Canvas::State::place_band(const std::vector<InspectedPatch>& patches, std::int64_t low,
                               std::int64_t high, const Staged& buffer, Prefetch& prefetch) {
    const auto add_rows =
        kernels->place[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    const Staged* weights = window_height > 0 ? &window.view() : nullptr;
    const Box& origin = accumulator.box();
    for (const InspectedPatch& patch : patches) {
        const std::int64_t row0 = std::max(low, patch.placement.box.row0);
        const std::int64_t row1 = std::min(high, patch.placement.box.row1);
        if (patch.status != PatchStatus::usable || row0 >= row1) continue;
        add_rows(patch.placement.from(origin.row0, origin.column0), patch.view, buffer, weights,
                 accumulator.sums(), row0 - origin.row0, row1 - origin.row0, prefetch);
    }
}

void Canvas::State::place_in_narrow_bands(const std::vector<InspectedPatch>& patches, Prefetch prefetch) {
    const std::int64_t width = patches.empty() ? 1 : patches[0].view.width;
    const std::int64_t bytes = taps_of(options.interpolation) > 2 ? kTallBandBytes : kBandBytes;
    const std::int64_t step =
        std::max<std::int64_t>(8, bytes / (accumulator.bytes_per_pixel() * (width + kMaxLanes)));
    for (std::int64_t row = extent.row0;; row += step) {
        std::int64_t next = extent.row1;
        for (const InspectedPatch& patch : patches)
            if (patch.status == PatchStatus::usable && patch.placement.box.row1 > row)
                next = std::min(next, std::max(row, patch.placement.box.row0));
        if (next == extent.row1) return;
        row = next;
        place_band(patches, row, row + step, buffers[0].view(), prefetch);
    }
}

void Canvas::State::place(const std::vector<InspectedPatch>& patches, bool parallel, Prefetch prefetch) {
    if (!parallel) return place_in_narrow_bands(patches, prefetch);
    const std::vector<std::int64_t> cuts = bands(patches);
    pool.run(options.threads, [&](int i) {
        Prefetch nothing;
        place_band(patches, cuts[i], cuts[i + 1], buffers[i].view(), nothing);
    });
}

void Canvas::State::reserve_buffers(const PatchBatch& batch) {
    const std::int64_t rows =
        std::clamp<std::int64_t>(kBufferFloats / (batch.width + 2 * kPadColumns), 4, 16) +
        taps_of(options.interpolation) - 1;
    for (StagedRows& buffer : buffers) buffer.reserve(rows, batch.width);
}

std::complex<double> Canvas::State::correlate(const InspectedPatch& patch) const {
    if (patch.status != PatchStatus::usable) return 0;
    Placement p = patch.placement;
    p.box = intersection(p.box, extent);
    if (p.box.empty()) return 0;
    const auto sum =
        kernels->correlate[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    return sum(p.from(accumulator.box().row0, accumulator.box().column0), patch.view, buffers[0].view(),
               window_height > 0 ? &window.view() : nullptr, accumulator.sums());
}

AddReport Canvas::add(const PatchBatch& batch, const double* positions, Align align) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    check_batch(batch, positions, s.options.interpolation, s.window_height, s.window_width);
    if (align == Align::sequential) require_coverage(s.options);
    if (batch.count == 0) return {};
    s.reserve_buffers(batch);
    const std::int64_t pixels = batch.height * batch.width;
    const bool parallel =
        s.pool.threads() > 1 && batch.count * pixels >= kParallelPixels && align == Align::none;
    const std::int64_t together = parallel                     ? kChunkPixels / pixels
                                  : align == Align::sequential ? 1
                                                               : std::min(kNearPatches, kNearPixels / pixels);
    const std::int64_t chunk = std::max<std::int64_t>(1, together);

    AddReport report;
    std::vector<State::InspectedPatch> patches;
    for (std::int64_t start = 0; start < batch.count; start += chunk) {
        patches.resize(static_cast<std::size_t>(std::min(chunk, batch.count - start)));
        auto inspect = [&](int i) {
            patches[i] = s.inspect(view_of(batch, start + i), positions + 2 * (start + i));
        };
        const int count = static_cast<int>(patches.size());
        if (parallel)
            s.pool.run(count, inspect);
        else
            for (int i = 0; i < count; ++i) inspect(i);
        s.make_room(patches, start, report);
        if (align == Align::sequential) {
            const std::complex<double> fit = s.correlate(patches[0]);
            patches[0].view.rotation = fit == 0. ? 1 : std::complex<float>(fit / std::abs(fit));
            report.rotations.push_back(patches[0].view.rotation);
        }
        Prefetch prefetch;
        if (!parallel)
            prefetch = prefetch_of(batch, start + count, std::min(chunk, batch.count - start - count));
        s.place(patches, parallel, prefetch);
    }
    return report;
}

void Canvas::correlate(const PatchBatch& batch, const double* positions, std::complex<double>* out) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    check_batch(batch, positions, s.options.interpolation, s.window_height, s.window_width);
    require_coverage(s.options);
    if (s.blank) {
        std::fill_n(out, batch.count, 0);
        return;
    }
    s.reserve_buffers(batch);
    for (std::int64_t i = 0; i < batch.count; ++i)
        out[i] = s.correlate(s.inspect(view_of(batch, i), positions + 2 * i));
}

}  // namespace ptychoscope
