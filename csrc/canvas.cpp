// Making a canvas, clearing it, letting it grow, merging two.
#include "ptychoscope/canvas.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "canvas_state.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kMaxSide = 1 << 20;  // pixels; a side beyond this is a mistake

}  // namespace

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

std::string size_text(std::int64_t height, std::int64_t width) {
    return std::to_string(height) + " x " + std::to_string(width);
}

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

Canvas::State::State(std::int64_t height, std::int64_t width, const CanvasOptions& o)
    : options(o),
      kernels(&stitch_kernels(active_isa())),
      pool(o.threads),
      extent{0, height, 0, width},
      planes(extent, o.accumulate, o.spread),
      buffers(static_cast<std::size_t>(o.threads)) {}

double check_window(const float* values, std::int64_t height, std::int64_t width) {
    double largest = 0;
    for (std::int64_t i = 0; i < height * width; ++i) {
        if (!std::isfinite(values[i]) || values[i] < 0)
            throw std::invalid_argument("window[" + std::to_string(i / width) + ", " +
                                        std::to_string(i % width) + "] is " + std::to_string(values[i]) +
                                        ": weights must be finite and not negative");
        largest = std::max(largest, static_cast<double>(values[i]));
    }
    require(largest > 0, "window is zero everywhere: nothing would be added");
    return largest;
}

void Canvas::State::set_window(const float* values, std::int64_t height, std::int64_t width) {
    largest_weight = check_window(values, height, width);
    window.reserve(height, width);
    const Staged& to = window.view();
    for (std::int64_t i = 0; i < height * width; ++i) to.first[i / width * to.pitch + i % width] = values[i];
    window_height = height;
    window_width = width;
}

Canvas::Canvas(std::int64_t height, std::int64_t width, const float* window, std::int64_t window_height,
               std::int64_t window_width, const CanvasOptions& options) {
    require(height >= 1 && width >= 1 && height <= kMaxSide && width <= kMaxSide,
            "a canvas of " + size_text(height, width) + " pixels: each side must be between 1 and " +
                std::to_string(kMaxSide));
    require(height * width <= options.max_pixels,
            "a canvas of " + size_text(height, width) +
                " pixels has more than max_pixels=" + std::to_string(options.max_pixels));
    require(options.bound > 0 && options.bound <= 1e9,
            "bound must be above 0 and at most 1e9, got " + std::to_string(options.bound));
    state_ = std::make_unique<State>(height, width, options);
    if (window) state_->set_window(window, window_height, window_width);
    if (options.accumulate == Accumulate::exact) {
        state_->headroom = Headroom(options.bound, state_->largest_weight);
        state_->planes.set_quanta(state_->headroom.quantum(), state_->headroom.moment_quantum());
    }
}

Canvas::~Canvas() = default;

const CanvasOptions& Canvas::options() const { return state_->options; }

Box Canvas::extent() const {
    std::lock_guard<std::mutex> lock(state_->mutex);
    return state_->extent;
}

Box Canvas::take_dirty() {
    std::lock_guard<std::mutex> lock(state_->mutex);
    return std::exchange(state_->dirty, Box{});
}

void Canvas::reset() {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->planes.clear();
    state_->headroom.clear();
    state_->dirty = state_->extent;
}

/// Makes `box` part of the extent. Memory grows by a quarter of a side at least, so that growing step by step
/// costs no more than a few copies.
void Canvas::State::grow_to(const Box& box) {
    const Box wanted = union_of(extent, box);
    const std::int64_t height = wanted.row1 - wanted.row0, width = wanted.column1 - wanted.column0;
    if (height * width > options.max_pixels)
        throw std::length_error("would grow the canvas to " + size_text(height, width) +
                                " pixels, more than max_pixels=" + std::to_string(options.max_pixels));
    if (!contains(planes.box(), wanted)) {
        Box roomy = union_of(planes.box(), wanted);
        if (roomy.row0 < planes.box().row0) roomy.row0 -= height / 4;
        if (roomy.row1 > planes.box().row1) roomy.row1 += height / 4;
        if (roomy.column0 < planes.box().column0) roomy.column0 -= width / 4;
        if (roomy.column1 > planes.box().column1) roomy.column1 += width / 4;
        planes = planes.grown(roomy);
    }
    extent = wanted;
}

void Canvas::merge(const Canvas& other) {
    State& to = *state_;
    const State& from = *other.state_;
    require(&to != &from, "a canvas cannot be merged with itself");
    std::scoped_lock lock(to.mutex, from.mutex);
    require(to.options.accumulate == from.options.accumulate && to.options.spread == from.options.spread,
            "canvases with different accumulate or spread cannot be merged");
    require(to.planes.sums().quantum == from.planes.sums().quantum,
            "exact canvases with different bounds or largest weights cannot be merged");
    const Box& box = from.extent;
    require(to.options.grow || contains(to.extent, box),
            "the other canvas reaches beyond this one, which does not grow");
    to.grow_to(box);
    if (to.options.accumulate == Accumulate::exact) to.headroom.note(from.headroom, to.planes, from.planes);
    const auto add = to.kernels->merge[static_cast<int>(to.options.accumulate)];
    for (std::int64_t row = box.row0; row < box.row1; ++row)
        add(to.planes.sums(), to.planes.at(row, box.column0), from.planes.sums(),
            from.planes.at(row, box.column0), box.column1 - box.column0);
    to.dirty = union_of(to.dirty, box);
}

}  // namespace ptychoscope
