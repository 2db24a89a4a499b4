// Canvas::add: look at a few patches, then place them, band of rows by band of rows.
//
// Threads share patches while looking (is it finite, where does it lie), and rows while placing: a band of
// canvas rows belongs to one thread, which walks all patches in their order, so no sum depends on who
// computes it. With one thread a chunk is a single patch, which is still in a near cache when it is placed.
#include "ptychoscope/canvas.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "canvas_state.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kMaxSide = 1 << 20;         // pixels; a side beyond this is a mistake
constexpr std::int64_t kParallelPixels = 1 << 18;  // below this, waking threads costs more than it brings
constexpr std::int64_t kChunkPixels = 1 << 20;  // several threads: looked at, then placed from a shared cache
constexpr std::int64_t kBufferFloats = 3 << 10;     // a plane of staged rows: together a good part of the nearest cache

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

std::string size_text(std::int64_t height, std::int64_t width) {
    return std::to_string(height) + " x " + std::to_string(width);
}

PatchView view(const PatchBatch& b, std::int64_t i) {
    return {static_cast<const char*>(b.first) + i * b.patch_stride,
            static_cast<const char*>(b.second) + i * b.patch_stride,
            b.height,
            b.width,
            b.row_stride,
            b.column_stride,
            b.values,
            b.scalar};
}

}  // namespace

PatchBatch PatchBatch::complex64(const std::complex<float>* patches, std::int64_t count, std::int64_t height,
                                 std::int64_t width) {
    PatchBatch batch;
    batch.first = patches;
    batch.second = reinterpret_cast<const char*>(patches) + sizeof(float);
    batch.count = count;
    batch.height = height;
    batch.width = width;
    batch.column_stride = sizeof(std::complex<float>);
    batch.row_stride = width * batch.column_stride;
    batch.patch_stride = height * batch.row_stride;
    return batch;
}

Canvas::Canvas(std::int64_t height, std::int64_t width, const float* window, std::int64_t window_height,
               std::int64_t window_width, const CanvasOptions& options) {
    require(height >= 1 && width >= 1 && height <= kMaxSide && width <= kMaxSide,
            "a canvas of " + size_text(height, width) + " pixels: each side must be between 1 and " +
                std::to_string(kMaxSide));
    require(options.bound > 0 && options.bound <= 1e9,
            "bound must be above 0 and at most 1e9, got " + std::to_string(options.bound));
    state_ = std::make_unique<State>(height, width, options);
    state_->set_window(window, window_height, window_width);
}

Canvas::~Canvas() = default;

std::int64_t Canvas::height() const { return state_->height; }
std::int64_t Canvas::width() const { return state_->width; }
const CanvasOptions& Canvas::options() const { return state_->options; }

void Canvas::State::check(const PatchBatch& b, const double* positions) const {
    require(b.count >= 0, "the number of patches is negative");
    require(b.count == 0 || (b.first && b.second && positions), "patches or positions are missing");
    require(!windowed || (b.height == window_height && b.width == window_width),
            "patches of " + size_text(b.height, b.width) + " pixels on a canvas whose window has " +
                size_text(window_height, window_width));
    const int taps = taps_of(options.interpolation);
    require(b.height >= taps && b.width >= taps && b.height <= kMaxSide && b.width <= kMaxSide,
            "patches of " + size_text(b.height, b.width) + " pixels: this interpolation needs at least " +
                std::to_string(taps) + " x " + std::to_string(taps));
}

Canvas::State::Job Canvas::State::look_at(const PatchView& patch, const double* position) const {
    Job job = {patch, {}, 0, Fate::place};
    if (!std::isfinite(position[0]) || !std::isfinite(position[1])) {
        job.fate = Fate::bad_position;
        return job;
    }
    job.placement = place_patch(position[0], position[1], patch.height, patch.width, options.interpolation,
                                {0, height, 0, width});
    job.largest = kernels->largest(patch);
    if (!std::isfinite(job.largest))
        job.fate = Fate::bad_patch;
    else if (job.placement.box.empty())
        job.fate = Fate::outside;
    return job;
}

/// Rows where one band ends and the next begins, each with about the same number of patch rows.
std::vector<std::int64_t> Canvas::State::bands(const std::vector<Job>& jobs) const {
    std::vector<std::int64_t> work(static_cast<std::size_t>(height) + 1, 0);
    for (const Job& job : jobs)
        if (job.fate == Fate::place) ++work[job.placement.box.row0], --work[job.placement.box.row1];
    std::int64_t active = 0, total = 0;
    for (std::int64_t& w : work) total += active += w, w = total;
    std::vector<std::int64_t> cuts = {0};
    for (int i = 1; i < options.threads; ++i)
        cuts.push_back(std::lower_bound(work.begin(), work.end(), total * i / options.threads) -
                       work.begin());
    cuts.push_back(height);
    return cuts;
}

void Canvas::State::place_band(const std::vector<Job>& jobs, std::int64_t low, std::int64_t high,
                               const Staged& buffer, const PatchView* next) {
    const auto add_rows =
        kernels->place[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    for (const Job& job : jobs) {
        const std::int64_t row0 = std::max(low, job.placement.box.row0);
        const std::int64_t row1 = std::min(high, job.placement.box.row1);
        if (job.fate == Fate::place && row0 < row1)
            add_rows(job.placement, job.patch, buffer, windowed ? &window.view() : nullptr, planes.sums(),
                     row0, row1, next);
    }
}

void Canvas::State::place(const std::vector<Job>& jobs, bool parallel, const PatchView* next) {
    if (!parallel) return place_band(jobs, 0, height, buffers[0].view(), next);
    const std::vector<std::int64_t> cuts = bands(jobs);
    pool.run(options.threads,
             [&](int i) { place_band(jobs, cuts[i], cuts[i + 1], buffers[i].view(), nullptr); });
}

AddReport Canvas::add(const PatchBatch& batch, const double* positions) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    s.check(batch, positions);
    if (batch.count == 0) return {};
    const std::int64_t pixels = batch.height * batch.width;
    const bool parallel = s.pool.threads() > 1 && batch.count * pixels >= kParallelPixels;
    const std::int64_t chunk = parallel ? std::max<std::int64_t>(1, kChunkPixels / pixels) : 1;
    for (StagedRows& rows : s.buffers)
        rows.reserve(std::clamp<std::int64_t>(kBufferFloats / (batch.width + 2 * kPadColumns), 12, 32),
                     batch.width);

    AddReport report;
    std::vector<State::Job> jobs;
    for (std::int64_t start = 0; start < batch.count; start += chunk) {
        jobs.resize(static_cast<std::size_t>(std::min(chunk, batch.count - start)));
        auto look = [&](int i) { jobs[i] = s.look_at(view(batch, start + i), positions + 2 * (start + i)); };
        if (parallel)
            s.pool.run(static_cast<int>(jobs.size()), look);
        else
            look(0);
        s.note(jobs, start, report);
        const bool more = !parallel && start + 1 < batch.count;
        PatchView next = view(batch, more ? start + 1 : start);
        if (next.second == next.first + sizeof(float))
            next.second = next.first + 64;  // 16 pixels fill two lines
        s.place(jobs, parallel, more ? &next : nullptr);
    }
    return report;
}

/// Reports what is left out; makes sure that `exact` has room, or places what is before and throws.
void Canvas::State::note(std::vector<Job>& jobs, std::int64_t start, AddReport& report) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::int64_t index = start + static_cast<std::int64_t>(i);
        if (jobs[i].fate == Fate::bad_position) report.bad_positions.push_back(index);
        if (jobs[i].fate == Fate::bad_patch) report.bad_patches.push_back(index);
        if (jobs[i].fate == Fate::outside) ++report.outside;
        if (jobs[i].fate != Fate::place || options.accumulate != Accumulate::exact) continue;
        try {
            headroom.note(jobs[i].largest, planes);
        } catch (const std::exception& error) {
            jobs.resize(i);
            place(jobs, false, nullptr);
            throw std::overflow_error("patch " + std::to_string(index) + " " + error.what());
        }
    }
}

}  // namespace ptychoscope
