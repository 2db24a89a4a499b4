// Canvas::add: look at a few patches, then place them, band of rows by band of rows.
//
// Threads share patches while looking (is it finite, where does it lie), and rows while placing: a band of
// canvas rows belongs to one thread, which walks all patches in their order, so no sum depends on who
// computes it. One thread looks at a few patches and then walks bands so narrow that the canvas under them
// stays in the first cache; while it does, it fetches the next few patches into the second one, so that
// memory is busy all the time.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "stitch/canvas_state.h"
#include "stitch/placement.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kParallelPixels = 1 << 18;  // below this, waking threads costs more than it brings
constexpr std::int64_t kChunkPixels = 1 << 20;  // several threads: looked at, then placed from a shared cache
constexpr std::int64_t kNearPixels = 1 << 15;   // one thread: looked at, then placed from its second cache
constexpr std::int64_t kNearPatches = 8;
// Of the canvas in the first cache; what streams by has the rest. A band begins by reading taps - 1 rows
// above it: with many taps, taller ones pay.
constexpr std::int64_t kBandBytes = 14 << 10, kTallBandBytes = 23 << 10;
constexpr std::int64_t kBufferFloats = 1100;  // new staged rows, per plane

/// Patches [start, start + count), when they lie in memory in one piece.
Ahead reading_ahead(const PatchBatch& b, std::int64_t start, std::int64_t count) {
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

Canvas::State::Job Canvas::State::look_at(const PatchView& patch, const double* position) const {
    Job job = {patch, {}, 0, Fate::place};
    if (!std::isfinite(position[0]) || !std::isfinite(position[1])) {
        job.fate = Fate::bad_position;
        return job;
    }
    job.placement = place_patch(position[0], position[1], patch.height, patch.width, options.interpolation,
                                reach_of(extent, options.grow));
    job.largest = kernels->largest(patch);
    if (!std::isfinite(job.largest))
        job.fate = Fate::bad_patch;
    else if (job.placement.box.empty())
        job.fate = Fate::outside;
    return job;
}

void Canvas::State::make_room(std::vector<Job>& jobs, std::int64_t start, AddReport& report) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::int64_t index = start + static_cast<std::int64_t>(i);
        if (jobs[i].fate == Fate::bad_position) report.bad_positions.push_back(index);
        if (jobs[i].fate == Fate::bad_patch) report.bad_patches.push_back(index);
        if (jobs[i].fate == Fate::outside) ++report.outside;
        if (jobs[i].fate != Fate::place) continue;
        try {
            if (options.grow && !contains(extent, jobs[i].placement.box)) grow_to(jobs[i].placement.box);
            if (options.accumulate == Accumulate::exact)
                headroom.note(jobs[i].largest, [this] { return planes.largest_counts(); });
        } catch (const std::exception& error) {
            jobs.resize(i);
            place(jobs, false, {});
            throw std::overflow_error("patch " + std::to_string(index) + " " + error.what());
        }
        dirty = union_of(dirty, jobs[i].placement.box);
        blank = false;
    }
}

/// Rows where one band ends and the next begins, each with about the same number of patch rows.
std::vector<std::int64_t> Canvas::State::bands(const std::vector<Job>& jobs) const {
    std::vector<std::int64_t> work(static_cast<std::size_t>(extent.row1 - extent.row0) + 1, 0);
    for (const Job& job : jobs)
        if (job.fate == Fate::place)
            ++work[job.placement.box.row0 - extent.row0], --work[job.placement.box.row1 - extent.row0];
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

void Canvas::State::place_band(const std::vector<Job>& jobs, std::int64_t low, std::int64_t high,
                               const Staged& buffer, Ahead& ahead) {
    const auto add_rows =
        kernels->place[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    const Staged* weights = window_height > 0 ? &window.view() : nullptr;
    const Box& origin = planes.box();
    for (const Job& job : jobs) {
        const std::int64_t row0 = std::max(low, job.placement.box.row0);
        const std::int64_t row1 = std::min(high, job.placement.box.row1);
        if (job.fate != Fate::place || row0 >= row1) continue;
        add_rows(job.placement.from(origin.row0, origin.column0), job.patch, buffer, weights, planes.sums(),
                 row0 - origin.row0, row1 - origin.row0, ahead);
    }
}

void Canvas::State::place_in_narrow_bands(const std::vector<Job>& jobs, Ahead ahead) {
    const std::int64_t width = jobs.empty() ? 1 : jobs[0].patch.width;
    const std::int64_t bytes = taps_of(options.interpolation) > 2 ? kTallBandBytes : kBandBytes;
    const std::int64_t step =
        std::max<std::int64_t>(8, bytes / (planes.bytes_per_pixel() * (width + kMaxLanes)));
    for (std::int64_t row = extent.row0;; row += step) {
        std::int64_t next = extent.row1;
        for (const Job& job : jobs)
            if (job.fate == Fate::place && job.placement.box.row1 > row)
                next = std::min(next, std::max(row, job.placement.box.row0));
        if (next == extent.row1) return;
        row = next;
        place_band(jobs, row, row + step, buffers[0].view(), ahead);
    }
}

void Canvas::State::place(const std::vector<Job>& jobs, bool parallel, Ahead ahead) {
    if (!parallel) return place_in_narrow_bands(jobs, ahead);
    const std::vector<std::int64_t> cuts = bands(jobs);
    pool.run(options.threads, [&](int i) {
        Ahead nothing;
        place_band(jobs, cuts[i], cuts[i + 1], buffers[i].view(), nothing);
    });
}

void Canvas::State::reserve_buffers(const PatchBatch& batch) {
    const std::int64_t rows =
        std::clamp<std::int64_t>(kBufferFloats / (batch.width + 2 * kPadColumns), 4, 16) +
        taps_of(options.interpolation) - 1;
    for (StagedRows& buffer : buffers) buffer.reserve(rows, batch.width);
}

std::complex<double> Canvas::State::correlate(const Job& job) const {
    if (job.fate != Fate::place) return 0;
    Placement p = job.placement;
    p.box = intersection(p.box, extent);
    if (p.box.empty()) return 0;
    const auto sum =
        kernels->correlate[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    return sum(p.from(planes.box().row0, planes.box().column0), job.patch, buffers[0].view(),
               window_height > 0 ? &window.view() : nullptr, planes.sums());
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
    std::vector<State::Job> jobs;
    for (std::int64_t start = 0; start < batch.count; start += chunk) {
        jobs.resize(static_cast<std::size_t>(std::min(chunk, batch.count - start)));
        auto look = [&](int i) {
            jobs[i] = s.look_at(view_of(batch, start + i), positions + 2 * (start + i));
        };
        const int count = static_cast<int>(jobs.size());
        if (parallel)
            s.pool.run(count, look);
        else
            for (int i = 0; i < count; ++i) look(i);
        s.make_room(jobs, start, report);
        if (align == Align::sequential) {
            const std::complex<double> fit = s.correlate(jobs[0]);
            jobs[0].patch.rotation = fit == 0. ? 1 : std::complex<float>(fit / std::abs(fit));
            report.rotations.push_back(jobs[0].patch.rotation);
        }
        Ahead ahead;
        if (!parallel)
            ahead = reading_ahead(batch, start + count, std::min(chunk, batch.count - start - count));
        s.place(jobs, parallel, ahead);
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
        out[i] = s.correlate(s.look_at(view_of(batch, i), positions + 2 * i));
}

}  // namespace ptychoscope
