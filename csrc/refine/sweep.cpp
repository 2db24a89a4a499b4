#include <algorithm>
#include <cmath>
#include <limits>

#include "refine/pixel_sums.h"
#include "refine/refiner_state.h"

namespace ptychoscope {

namespace {

/// Tiles of a colour are dealt to this many partitions, whatever the number of threads: what a partition sums
/// up about the probe has a fixed order.
constexpr int kPartitions = 16;

std::size_t index(int i) { return static_cast<std::size_t>(i); }

/// Least squares of a displacement, at most half a pixel, and none where the object has no gradient.
void solve(const PositionSums& s, double step, double& dy, double& dx) {
    const double damping = 1e-3 * (s.yy + s.xx) + 1e-30;
    const double yy = s.yy + damping, xx = s.xx + damping, determinant = yy * xx - s.yx * s.yx;
    dy = step * (xx * s.y - s.yx * s.x) / determinant;
    dx = step * (yy * s.x - s.yx * s.y) / determinant;
    const double length = std::hypot(dy, dx);
    if (!std::isfinite(length)) dy = dx = 0;
    if (length > 0.5) dy *= 0.5 / length, dx *= 0.5 / length;
}

}  // namespace

/// Work space of one thread.
struct Refiner::State::Work {
    AlignedFloats far, near, back, gradient, panels;

    Work(const FftPlan& plan, int lanes, int modes)
        : far(index(modes) * index(plane_floats(plan))),
          near(index(modes) * index(plane_floats(plan))),
          back(index(plane_floats(plan))),
          gradient(index(modes) * index(plane_floats(plan))),
          panels(index(3 + modes) * index(panel_floats(plan, lanes))) {}

    RpieWork planes() { return {far.get(), near.get(), back.get(), gradient.get(), panels.get()}; }
};

/// What one sweep finds besides the object.
struct Refiner::State::Sweep {
    SweepOptions options;
    std::vector<ProbeAccumulator> probe;      ///< [kPartitions]; empty when the probe is kept
    std::vector<PositionSums> displacements;  ///< [frames]; empty when positions are kept
    int first = 0;
    std::vector<std::uint8_t> rejected;    ///< [last - first]
    std::vector<PixelAccumulator> pixels;  ///< [kPartitions]; empty when they are not summed
};

Refiner::State::State(int window_, int height_, int width_, int modes_, int threads)
    : window(window_),
      height(height_),
      width(width_),
      modes(modes_),
      kernel(rpie_kernel(active_isa())),
      plan(window_, kernel.lanes),
      object(height_, width_),
      probe(window_, modes_, active_isa()),
      frames(window_, height_, width_, kernel.lanes),
      pool_(threads) {
    object.set(nullptr);
}

Refiner::State::~State() = default;

std::unique_ptr<Refiner::State::Work> Refiner::State::take_work() {
    std::lock_guard<std::mutex> lock(work_mutex_);
    if (idle_work_.empty()) return std::make_unique<Work>(plan, kernel.lanes, modes);
    std::unique_ptr<Work> work = std::move(idle_work_.back());
    idle_work_.pop_back();
    return work;
}

void Refiner::State::return_work(std::unique_ptr<Work> work) {
    std::lock_guard<std::mutex> lock(work_mutex_);
    idle_work_.push_back(std::move(work));
}

std::vector<TileColour> Refiner::State::order(std::uint64_t seed, int first, int last) const {
    return sweep_order(frames.used(first, last), frames.corners(), reach(), seed);
}

void Refiner::State::grow(int top, int left, int height_, int width_) {
    object = object.within(top, left, height_, width_, 1.f);
    if (blended) *blended = blended->within(top, left, height_, width_, 0.f);
    frames.grow(top, left, height_, width_);
    height = height_, width = width_;
    sums.reset();
    forget_momentum();
}

FrameTask Refiner::State::task_of(int frame) {
    const Corner corner = frames.corners()[index(frame)];
    FrameTask task;
    task.plan = &plan;
    task.modes = modes;
    task.object_re = object.re(corner.y, corner.x);
    task.object_im = object.im(corner.y, corner.x);
    task.object_stride = object.stride();
    task.probe = probe.entry(frames.fraction(frame));
    task.amplitude = frames.amplitude(frame);
    if (background.size() > 0) task.background = background.get();
    return task;
}

void Refiner::State::visit(Sweep& sweep, int partition, int frame, Work& own) {
    const Corner corner = frames.corners()[index(frame)];
    const RpieWork work = own.planes();
    FrameTask task = task_of(frame);
    task.keep_gradient = !sweep.probe.empty();
    const bool aside = frames.states()[index(frame)] == FrameState::set_aside;
    if (!aside && !sweep.pixels.empty()) task.pixels = &sweep.pixels[index(partition)].planes;
    const double misfit = kernel.project(task, work);
    frames.misfits()[index(frame)] = misfit / frames.energy(frame);
    if (!std::isfinite(misfit)) {
        sweep.rejected[index(frame - sweep.first)] = 1;
        return;
    }
    if (aside) return;
    if (!sweep.displacements.empty()) sweep.displacements[index(frame)] = kernel.position_sums(task, work);
    if (!sweep.probe.empty())
        kernel.accumulate_probe(task, work,
                                probe.sums(sweep.probe[index(partition)], frames.fraction(frame)));
    const double visits = ++frames.visits(frame);
    if (sweep.options.mode == SweepMode::sequential)
        kernel.update_object(
            task, work, sweep.options.step / static_cast<float>(std::pow(visits, sweep.options.visit_decay)));
    else
        kernel.accumulate_patch(task, work, sums->at(corner.y, corner.x));
}

/// The mean of the corrected patches, where any was seen.
void Refiner::State::take_average() {
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const PatchSums at = sums->at(y, x);
            if (!(*at.weight > 0)) continue;
            *object.re(y, x) = *at.re / *at.weight;
            *object.im(y, x) = *at.im / *at.weight;
        }
}

/// Moves every visited frame by its own displacement less the mean, which would only shift the object.
double Refiner::State::move_frames(const Sweep& sweep, const std::vector<int>& visited) {
    std::vector<double> steps;
    double mean_y = 0, mean_x = 0, squared = 0;
    for (int frame : visited) {
        double dy = 0, dx = 0;
        solve(sweep.displacements[index(frame)], sweep.options.position_step, dy, dx);
        steps.insert(steps.end(), {dy, dx});
        mean_y += dy, mean_x += dx;
    }
    const double count = static_cast<double>(visited.size());
    for (std::size_t i = 0; i < visited.size(); ++i)
        squared += frames.move(visited[i], steps[2 * i] - mean_y / count, steps[2 * i + 1] - mean_x / count,
                               sweep.options.position_limit_px);
    return visited.empty() ? 0 : std::sqrt(squared / count);
}

SweepReport Refiner::State::report(const Sweep& sweep, const std::vector<int>& visited) const {
    SweepReport result;
    double difference = 0, energy = 0;
    for (int frame : visited) {
        if (sweep.rejected[index(frame - sweep.first)]) {
            ++result.rejected;
            continue;
        }
        ++result.frames;
        difference += frames.misfits()[index(frame)] * frames.energy(frame);
        energy += frames.energy(frame);
    }
    result.misfit = energy > 0 ? difference / energy : 0;
    return result;
}

/// One colour: its tiles side by side, then the probe's step.
void Refiner::State::run(Sweep& sweep, const TileColour& colour) {
    std::vector<int> fractions;
    for (const Tile& tile : colour)
        for (int frame : tile) fractions.push_back(frames.fraction(frame));
    probe.prepare(fractions, sweep.options.regularisation);
    const int tiles = static_cast<int>(colour.size()), partitions = std::min(tiles, kPartitions);
    if (sweep.options.probe_step > 0) {
        sweep.probe.clear();
        for (int partition = 0; partition < partitions; ++partition)
            sweep.probe.push_back(probe.make_accumulator());
    }
    pool_.run(partitions, [&](int partition) {
        std::unique_ptr<Work> work = take_work();
        for (int tile = partition; tile < tiles; tile += kPartitions)
            for (int frame : colour[index(tile)]) {
                visit(sweep, partition, frame, *work);
                frames.visited(frame);
            }
        return_work(std::move(work));
    });
    if (sweep.options.probe_step > 0) probe.update(sweep.probe, sweep.options.probe_step);
}

SweepReport Refiner::State::sweep(const SweepOptions& options, int first, int last) {
    Sweep sweep;
    sweep.options = options;
    sweep.first = first;
    sweep.rejected.resize(index(std::max(last - first, 0)), 0);
    if (options.position_step > 0) sweep.displacements.resize(index(frames.count()));
    if (options.mode != SweepMode::sequential) sums = std::make_unique<PatchPlanes>(height, width);
    const bool examined = options.mode == SweepMode::examined;
    begin_momentum(options);
    const std::vector<int> met = examined ? frames.usable(first, last) : frames.used(first, last);
    for (const TileColour& colour : sweep_order(met, frames.corners(), plan.padded + 2, options.seed)) {
        const std::size_t partitions = std::min(colour.size(), index(kPartitions));
        if (examined || options.background_step > 0)
            while (sweep.pixels.size() < partitions) sweep.pixels.emplace_back(plan, window);
        run(sweep, colour);
    }
    if (options.mode == SweepMode::averaged) take_average();
    if (velocity_ && options.mode == SweepMode::sequential) go_on(options.momentum);
    if (!sweep.pixels.empty()) pixels = collect(sweep.pixels, frames, window);
    if (options.background_step > 0 && background.size() > 0) move_background(options);
    const std::vector<int> visited = frames.used(first, last);
    SweepReport result = report(sweep, visited);
    if (options.position_step > 0) result.moved_rms_px = move_frames(sweep, visited);
    return result;
}

void Refiner::State::set_background(const float* counts) {
    const float scale = static_cast<float>(window) * static_cast<float>(window);
    background = counts == nullptr ? AlignedFloats() : frames.pack_plane(counts, scale);
}

void Refiner::State::copy_background(float* out) const {
    const std::size_t pattern_pixels = index(window) * index(window);
    std::fill(out, out + pattern_pixels, 0.f);
    if (background.size() == 0) return;
    frames.unpack(background.get(), out);
    for (std::size_t i = 0; i < pattern_pixels; ++i) out[i] /= static_cast<float>(pattern_pixels);
}

void Refiner::State::move_background(const SweepOptions& options) {
    std::vector<float> counts(index(window) * index(window));
    copy_background(counts.data());
    follow(pixels, options.background_step, options.background_whole, counts);
    set_background(counts.data());
}

void Refiner::State::predict(float* out, int first, int last) {
    const std::vector<int> taken = frames.usable(first, last);
    std::vector<int> fractions;
    for (int frame : taken) fractions.push_back(frames.fraction(frame));
    probe.prepare(fractions);
    const std::size_t pattern_pixels = index(window) * index(window);
    std::fill(out, out + index(last - first) * pattern_pixels, 0.f);
    const int count = static_cast<int>(taken.size()), parts = std::min(count, pool_.threads());
    pool_.run(parts, [&](int part) {
        std::unique_ptr<Work> work = take_work();
        AlignedFloats counts(index(plan.padded) * index(window));
        for (int i = part; i < count; i += parts) {
            const int frame = taken[index(i)];
            kernel.predict(task_of(frame), work->planes(), counts.get());
            frames.visited(frame);
            frames.unpack(counts.get(), out + index(frame - first) * pattern_pixels);
        }
        return_work(std::move(work));
    });
}

float Refiner::State::r_factor(int frame) {
    if (frames.usable(frame, frame + 1).empty()) return std::numeric_limits<float>::quiet_NaN();
    probe.prepare({frames.fraction(frame)});
    std::unique_ptr<Work> work = take_work();
    const FrameTask task = task_of(frame);
    float* counts = work->near.get();  // which predict leaves alone
    kernel.predict(task, work->planes(), counts);
    const AmplitudeSums found = kernel.amplitude_sums(task, counts);
    frames.visited(frame);
    return_work(std::move(work));
    return static_cast<float>(found.apart / found.total);
}

}  // namespace ptychoscope
