// Canvas::add: look at a few patches, then place them, band of rows by band of rows.
//
// Threads share patches while looking (is it finite, where does it lie), and rows while placing: a band of
// canvas rows belongs to one thread, which walks all patches in their order, so no sum depends on who
// computes it. With one thread a chunk is a single patch, which is still in a near cache when it is placed.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "canvas_state.h"
#include "place_patch.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kParallelPixels = 1 << 18;  // below this, waking threads costs more than it brings
constexpr std::int64_t kChunkPixels = 1 << 20;  // several threads: looked at, then placed from a shared cache
constexpr std::int64_t kBufferFloats =
    1100;  // new staged rows, per plane: little, so that what is read ahead can stay

/// The next patch, when it lies in memory in one piece: spread over the rows of the present placement, so
/// that it arrives while that is worked on.
Ahead reading_ahead(const PatchView& next, const Box& placed) {
    const std::int64_t row = next.width * next.column_stride, plane = next.height * row;
    const std::int64_t gap = next.second - next.first;
    const bool interleaved = gap > 0 && gap < next.column_stride;
    if (row <= 0 || next.row_stride != row || !(interleaved || gap == plane) || placed.empty()) return {};
    const std::int64_t bytes = interleaved ? plane : 2 * plane, rows = placed.row1 - placed.row0;
    return {next.first, (bytes / rows + 63) / 64 * 64};
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
                               const Staged& buffer, Ahead ahead) {
    const auto add_rows =
        kernels->place[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    const Staged* weights = window_height > 0 ? &window.view() : nullptr;
    const Box& origin = planes.box();
    for (const Job& job : jobs) {
        const std::int64_t row0 = std::max(low, job.placement.box.row0);
        const std::int64_t row1 = std::min(high, job.placement.box.row1);
        if (job.fate == Fate::place && row0 < row1)
            add_rows(job.placement.from(origin.row0, origin.column0), job.patch, buffer, weights,
                     planes.sums(), row0 - origin.row0, row1 - origin.row0, ahead);
    }
}

void Canvas::State::place(const std::vector<Job>& jobs, bool parallel, Ahead ahead) {
    if (!parallel) return place_band(jobs, extent.row0, extent.row1, buffers[0].view(), ahead);
    const std::vector<std::int64_t> cuts = bands(jobs);
    pool.run(options.threads, [&](int i) { place_band(jobs, cuts[i], cuts[i + 1], buffers[i].view(), {}); });
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
    if (batch.count == 0) return {};
    s.reserve_buffers(batch);
    const std::int64_t pixels = batch.height * batch.width;
    const bool parallel =
        s.pool.threads() > 1 && batch.count * pixels >= kParallelPixels && align == Align::none;
    const std::int64_t chunk = parallel ? std::max<std::int64_t>(1, kChunkPixels / pixels) : 1;

    AddReport report;
    std::vector<State::Job> jobs;
    for (std::int64_t start = 0; start < batch.count; start += chunk) {
        jobs.resize(static_cast<std::size_t>(std::min(chunk, batch.count - start)));
        auto look = [&](int i) {
            jobs[i] = s.look_at(view_of(batch, start + i), positions + 2 * (start + i));
        };
        if (parallel)
            s.pool.run(static_cast<int>(jobs.size()), look);
        else
            look(0);
        s.make_room(jobs, start, report);
        if (align == Align::sequential) {
            const std::complex<double> fit = s.correlate(jobs[0]);
            jobs[0].patch.rotation = fit == 0. ? 1 : std::complex<float>(fit / std::abs(fit));
            report.rotations.push_back(jobs[0].patch.rotation);
        }
        const bool more = !parallel && start + 1 < batch.count;
        s.place(jobs, parallel,
                more ? reading_ahead(view_of(batch, start + 1), jobs[0].placement.box) : Ahead{});
    }
    return report;
}

void Canvas::correlate(const PatchBatch& batch, const double* positions, std::complex<double>* out) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    check_batch(batch, positions, s.options.interpolation, s.window_height, s.window_width);
    if (s.blank) {
        std::fill_n(out, batch.count, 0);
        return;
    }
    s.reserve_buffers(batch);
    for (std::int64_t i = 0; i < batch.count; ++i)
        out[i] = s.correlate(s.look_at(view_of(batch, i), positions + 2 * i));
}

}  // namespace ptychoscope
