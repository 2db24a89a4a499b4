#include "ptychoscope/refiner.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <stdexcept>
#include <string>

#include "refine/refiner_state.h"

namespace ptychoscope {

namespace {

void require(bool holds, const std::string& message) {
    if (!holds) throw std::invalid_argument(message);
}

void check_range(const char* name, double value, bool holds, const char* allowed) {
    require(holds, std::string(name) + " must be " + allowed + ", got " + std::to_string(value));
}

void check(const SweepOptions& o) {
    check_range("regularisation", o.regularisation, o.regularisation > 0 && o.regularisation <= 2,
                "above 0 and at most 2");
    check_range("step", o.step, o.step > 0 && o.step <= 2, "above 0 and at most 2");
    check_range("visit_decay", o.visit_decay, o.visit_decay >= 0 && o.visit_decay <= 1, "from 0 to 1");
    check_range("probe_step", o.probe_step, o.probe_step >= 0 && o.probe_step <= 2, "from 0 to 2");
    check_range("position_step", o.position_step, o.position_step >= 0 && o.position_step <= 4,
                "from 0 to 4");
    check_range("momentum", o.momentum, o.momentum >= 0 && o.momentum < 1, "0 or more and below 1");
    check_range("background_step", o.background_step, o.background_step >= 0 && o.background_step <= 2,
                "from 0 to 2");
    check_range("position_limit_px", o.position_limit_px,
                o.position_limit_px >= 0 && o.position_limit_px < 1e6, "0 or more");
}

void require_frames(int first, int last, int count) {
    require(0 <= first && first <= last && last <= count, "frames " + std::to_string(first) + " to " +
                                                              std::to_string(last) + " are not within the " +
                                                              std::to_string(count) + " that were added");
}

bool all_finite(const std::complex<float>* values, std::size_t count) {
    return std::all_of(values, values + count, [](std::complex<float> v) {
        return std::isfinite(v.real()) && std::isfinite(v.imag());
    });
}

std::size_t index(int i) { return static_cast<std::size_t>(i); }

using Lock = std::lock_guard<PoliteMutex>;

}  // namespace

Refiner::Refiner(int window, int height, int width, int modes, int threads) {
    require(Fft2d::is_supported(window),
            "window " + std::to_string(window) +
                " px cannot be transformed: crop or bin to a side from 2 to 4096 "
                "whose prime factors are at most 13");
    require(height >= window && width >= window && height <= 1 << 16 && width <= 1 << 16,
            "object of " + std::to_string(height) + " x " + std::to_string(width) +
                " px must be at least as large as the window of " + std::to_string(window) +
                " px and at most 65536");
    require(modes >= 1 && modes <= 64, "modes must be from 1 to 64, got " + std::to_string(modes));
    state_ = std::make_unique<State>(window, height, width, modes, threads);
}

Refiner::~Refiner() = default;

int Refiner::growth_step() const { return 2 * state_->reach(); }

void Refiner::grow(int top, int left, int bottom, int right) {
    const int step = growth_step(), most = 1 << 16;
    const auto check_growth = [&](const char* name, int pixels, int unit) {
        require(pixels >= 0 && pixels <= most && pixels % unit == 0,
                std::string(name) + " must be a multiple of " + std::to_string(unit) + " from 0 to " +
                    std::to_string(most) + ", got " + std::to_string(pixels));
    };
    check_growth("top", top, step), check_growth("left", left, step);
    check_growth("bottom", bottom, 1), check_growth("right", right, 1);
    const Lock lock(state_->calls);
    const int height = state_->height + top + bottom, width = state_->width + left + right;
    require(height <= most && width <= most, "object of " + std::to_string(height) + " x " +
                                                 std::to_string(width) + " px must be at most " +
                                                 std::to_string(most));
    state_->grow(top, left, height, width);
}

void Refiner::set_object(const std::complex<float>* object) {
    require(all_finite(object, index(height()) * index(width())), "object has values that are not finite");
    const Lock lock(state_->calls);
    state_->object.set(object);
    state_->forget_momentum();
}

void Refiner::set_probe(const std::complex<float>* probe) {
    const std::size_t count = index(modes()) * index(window()) * index(window());
    require(all_finite(probe, count), "probe has values that are not finite");
    require(std::any_of(probe, probe + count, [](std::complex<float> p) { return std::norm(p) > 0; }),
            "probe is zero everywhere: nothing would be illuminated");
    const Lock lock(state_->calls);
    state_->probe.set(probe);
}

void Refiner::keep_frames_in(const std::string& folder, std::size_t memory) {
    const Lock lock(state_->calls);
    state_->frames.keep_in(folder, memory);
}

void Refiner::add_frames(const float* amplitudes, const double* positions, int count) {
    const Lock lock(state_->calls);
    state_->frames.add(amplitudes, positions, count);
}

void Refiner::set_positions(const double* positions) {
    const Lock lock(state_->calls);
    const int outside = state_->frames.first_outside(positions);
    require(outside < 0, "the window of frame " + std::to_string(outside) +
                             " would leave the object: positions must stay within it");
    state_->frames.place(positions);
}

void Refiner::add_counts(double counts) {
    require(std::isfinite(counts), "counts must be finite, got " + std::to_string(counts));
    const Lock lock(state_->calls);
    state_->frames.add_counts(counts);
}

void Refiner::set_background(const float* background) {
    const std::size_t count = background == nullptr ? 0 : index(window()) * index(window());
    for (std::size_t i = 0; i < count; ++i)
        require(std::isfinite(background[i]) && background[i] >= 0,
                "background must be finite and 0 or more, got " + std::to_string(background[i]));
    const Lock lock(state_->calls);
    state_->set_background(background);
}

void Refiner::set_aside(const std::vector<int>& frames, bool aside) {
    const Lock lock(state_->calls);
    for (int frame : frames)
        require(0 <= frame && frame < state_->frames.count(),
                "frame " + std::to_string(frame) + " is not among the " +
                    std::to_string(state_->frames.count()) + " that were added");
    for (int frame : frames) state_->frames.set_aside(frame, aside);
}

SweepReport Refiner::sweep(const SweepOptions& options, int first, int last) {
    check(options);
    const Lock lock(state_->calls);
    require(!state_->probe.empty(), "no probe: call set_probe before the first sweep");
    require_frames(first, last, state_->frames.count());
    return state_->sweep(options, first, last);
}

void Refiner::predicted(float* out, int first, int last) const {
    const Lock lock(state_->calls);
    require(!state_->probe.empty(), "no probe: call set_probe before frames are predicted");
    require_frames(first, last, state_->frames.count());
    state_->predict(out, first, last);
}

void Refiner::r_factors(float* out, int first, int last) const {
    const Lock lock(state_->calls);
    require(!state_->probe.empty(), "no probe: call set_probe before frames are predicted");
    require_frames(first, last, state_->frames.count());
    for (int frame = first; frame < last; ++frame) {
        *out++ = state_->r_factor(frame);
        state_->calls.let_others();
    }
}

std::vector<int> Refiner::order(std::uint64_t seed, int first, int last) const {
    const Lock lock(state_->calls);
    require_frames(first, last, state_->frames.count());
    std::vector<int> result;
    for (const TileColour& colour : state_->order(seed, first, last))
        for (const Tile& tile : colour) result.insert(result.end(), tile.begin(), tile.end());
    return result;
}

int Refiner::frames() const {
    const Lock lock(state_->calls);
    return state_->frames.count();
}
int Refiner::window() const { return state_->window; }
int Refiner::height() const { return state_->height; }
int Refiner::width() const { return state_->width; }
int Refiner::modes() const { return state_->modes; }

void Refiner::copy_object(std::complex<float>* out) const {
    const Lock lock(state_->calls);
    state_->object.copy(out, 0, state_->height, 0, state_->width);
}

void Refiner::copy_object(std::complex<float>* out, int row0, int row1, int column0, int column1) const {
    const Lock lock(state_->calls);
    require(0 <= row0 && row0 <= row1 && row1 <= state_->height && 0 <= column0 && column0 <= column1 &&
                column1 <= state_->width,
            "rows " + std::to_string(row0) + " to " + std::to_string(row1) + " and columns " +
                std::to_string(column0) + " to " + std::to_string(column1) +
                " are not within the object of " + std::to_string(state_->height) + " x " +
                std::to_string(state_->width) + " px");
    state_->object.copy(out, row0, row1, column0, column1);
}

void Refiner::copy_probe(std::complex<float>* out) const {
    const Lock lock(state_->calls);
    std::copy(state_->probe.modes().begin(), state_->probe.modes().end(), out);
}

void Refiner::blend(const std::complex<float>* patches, int first, int count) {
    const Lock lock(state_->calls);
    require(!state_->probe.empty(), "no probe: call set_probe before patches are blended");
    require(count >= 0, "count must be 0 or more, got " + std::to_string(count));
    require_frames(first, first + count, state_->frames.count());
    state_->blend(patches, first, count);
}

void Refiner::copy_coverage(float* out) const {
    const Lock lock(state_->calls);
    for (int y = 0; y < height(); ++y)
        for (int x = 0; x < width(); ++x) *out++ = state_->sums ? *state_->sums->at(y, x).weight : 0.f;
}

void Refiner::copy_spread(float* out) const {
    const Lock lock(state_->calls);
    for (int y = 0; y < height(); ++y)
        for (int x = 0; x < width(); ++x) {
            const PatchSums at = state_->sums ? state_->sums->at(y, x) : PatchSums();
            *out++ = at.weight != nullptr && *at.weight > 0 ? std::sqrt(*at.squares / *at.weight) : 0.f;
        }
}

bool Refiner::has_background() const {
    const Lock lock(state_->calls);
    return state_->background.size() > 0;
}

void Refiner::copy_background(float* out) const {
    const Lock lock(state_->calls);
    state_->copy_background(out);
}

PixelSums Refiner::pixel_sums() const {
    const Lock lock(state_->calls);
    return state_->pixels;
}

std::vector<double> Refiner::positions() const {
    const Lock lock(state_->calls);
    return state_->frames.positions();
}

std::vector<FrameState> Refiner::states(int first) const {
    const Lock lock(state_->calls);
    const std::vector<FrameState>& all = state_->frames.states();
    if (first < 0 || first > static_cast<int>(all.size()))
        throw std::invalid_argument("first must be the number of a frame, got " + std::to_string(first));
    return {all.begin() + first, all.end()};
}

std::vector<double> Refiner::misfits() const {
    const Lock lock(state_->calls);
    return state_->frames.misfits();
}

}  // namespace ptychoscope
