// Canvas::add: stage a few patches, then place them, band of rows by band of rows.
//
// Threads share patches while staging, and rows while placing: a band of canvas rows belongs to one thread,
// which walks all patches in their order, so no sum depends on who computes it. With one thread a chunk is a
// single patch, which stays in the nearest caches between the two steps.
#include "ptychoscope/canvas.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "canvas_state.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kMaxSide = 1 << 20;  // pixels; a canvas side or patch side beyond this is a mistake
constexpr std::int64_t kParallelPixels = 1 << 20;  // below this waking threads costs more than it brings
constexpr std::int64_t kChunk = 32;                // patches staged at once by several threads

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

std::string size_text(std::int64_t height, std::int64_t width) {
    return std::to_string(height) + " x " + std::to_string(width);
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

Canvas::State::Job Canvas::State::stage(const PatchBatch& b, const double* positions, std::int64_t i,
                                        const Staged& out) const {
    Job job;
    const double y = positions[2 * i], x = positions[2 * i + 1];
    if (!std::isfinite(y) || !std::isfinite(x)) {
        job.fate = Job::bad_position;
        return job;
    }
    job.placement = place_patch(y, x, b.height, b.width, options.interpolation, {0, height, 0, width});
    if (job.placement.box.empty()) {
        job.fate = Job::outside;
        return job;
    }
    const PatchView view = {static_cast<const char*>(b.first) + i * b.patch_stride,
                            static_cast<const char*>(b.second) + i * b.patch_stride,
                            b.height,
                            b.width,
                            b.row_stride,
                            b.column_stride,
                            b.values,
                            b.scalar};
    job.largest = kernels->stage(view, out);
    if (!std::isfinite(job.largest)) job.fate = Job::bad_patch;
    return job;
}

/// Rows where one band ends and the next begins, each with about the same number of patch rows.
std::vector<std::int64_t> Canvas::State::bands(const std::vector<Job>& jobs) const {
    std::vector<std::int64_t> work(static_cast<std::size_t>(height) + 1, 0);
    for (const Job& job : jobs)
        if (job.fate == Job::place) ++work[job.placement.box.row0], --work[job.placement.box.row1];
    std::int64_t active = 0, total = 0;
    for (std::int64_t& w : work) total += active += w, w = total;
    std::vector<std::int64_t> cuts = {0};
    for (int i = 1; i < options.threads; ++i)
        cuts.push_back(std::lower_bound(work.begin(), work.end(), total * i / options.threads) -
                       work.begin());
    cuts.push_back(height);
    return cuts;
}

void Canvas::State::place(const std::vector<Job>& jobs, bool parallel) {
    const auto place_one =
        kernels->place[static_cast<int>(options.interpolation)][static_cast<int>(options.accumulate)];
    const float* weights = windowed ? window.at(0).first : nullptr;
    const Sums sums = planes.sums();
    auto band = [&](std::int64_t low, std::int64_t high) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const Box& box = jobs[i].placement.box;
            const std::int64_t row0 = std::max(low, box.row0), row1 = std::min(high, box.row1);
            if (jobs[i].fate == Job::place && row0 < row1)
                place_one(jobs[i].placement, staging.at(static_cast<std::int64_t>(i)), weights, sums, row0,
                          row1);
        }
    };
    if (!parallel) return band(0, height);
    const std::vector<std::int64_t> cuts = bands(jobs);
    pool.run(options.threads, [&](int i) { band(cuts[i], cuts[i + 1]); });
}

AddReport Canvas::add(const PatchBatch& batch, const double* positions) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    s.check(batch, positions);
    const bool parallel = s.pool.threads() > 1 && batch.count * batch.height * batch.width >= kParallelPixels;
    const std::int64_t chunk = parallel ? kChunk : 1;
    s.staging.reserve(chunk, batch.height, batch.width);

    AddReport report;
    std::vector<State::Job> jobs;
    for (std::int64_t start = 0; start < batch.count; start += chunk) {
        jobs.assign(static_cast<std::size_t>(std::min(chunk, batch.count - start)), {});
        auto stage = [&](int i) { jobs[i] = s.stage(batch, positions, start + i, s.staging.at(i)); };
        if (parallel)
            s.pool.run(static_cast<int>(jobs.size()), stage);
        else
            stage(0);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const std::int64_t index = start + static_cast<std::int64_t>(i);
            if (jobs[i].fate == State::Job::bad_position) report.bad_positions.push_back(index);
            if (jobs[i].fate == State::Job::bad_patch) report.bad_patches.push_back(index);
            if (jobs[i].fate == State::Job::outside) ++report.outside;
            if (jobs[i].fate == State::Job::place && s.options.accumulate == Accumulate::exact) try {
                    s.headroom.note(jobs[i].largest, s.planes);
                } catch (const std::exception& error) {
                    jobs.resize(i);
                    s.place(jobs, false);
                    throw std::overflow_error("patch " + std::to_string(index) + " " + error.what());
                }
        }
        s.place(jobs, parallel);
    }
    return report;
}

}  // namespace ptychoscope
