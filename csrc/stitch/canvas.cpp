// Making a canvas, clearing it, letting it grow, merging two, reading.
#include "ptychoscope/canvas.h"

#include <algorithm>
#include <stdexcept>

#include "cpu/dispatch.h"
#include "stitch/canvas_state.h"

namespace ptychoscope {

PTYCHOSCOPE_DISPATCH(stitch_kernel, StitchKernels, stitch_kernels)

namespace {

constexpr std::int64_t kParallelPixels = 1 << 18;
constexpr std::int64_t kRowsPerTask = 64;

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

Canvas::State::State(std::int64_t height, std::int64_t width, const CanvasOptions& o)
    : SharedState(height, width, o),
      kernels(&stitch_kernels(active_isa())),
      pool(o.threads),
      accumulator(extent, o.accumulate, kept_of(o)),
      buffers(static_cast<std::size_t>(o.threads)) {}

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
    check_canvas(height, width, options);
    state_ = std::make_unique<State>(height, width, options);
    if (window) state_->set_window(window, window_height, window_width);
    state_->set_quanta(state_->accumulator, state_->largest_weight);
}

Canvas::~Canvas() = default;

const CanvasOptions& Canvas::options() const { return state_->options; }

Box Canvas::extent() const { return state_->locked_extent(); }

Box Canvas::take_dirty() { return state_->take_dirty(); }

void Canvas::reset() {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->accumulator.clear();
    state_->overflow_guard.clear();
    state_->dirty = state_->extent;
    state_->blank = true;
}

void Canvas::merge(const Canvas& other) {
    State& to = *state_;
    const State& from = *other.state_;
    merge_into(to, from, [&](const Box& box) {
        to.expect(to.accumulator, from, from.accumulator);
        const auto add = to.kernels->merge[static_cast<int>(to.options.accumulate)];
        for (std::int64_t row = box.row0; row < box.row1; ++row)
            add(to.accumulator.sums(), to.accumulator.at(row, box.column0), from.accumulator.sums(),
                from.accumulator.at(row, box.column0), box.column1 - box.column0);
        to.blank = to.blank && from.blank;
    });
}

template <class Out>
void Canvas::State::read(const ReadRow<Out>* reads, const Box& box, Out* out) const {
    std::lock_guard<std::mutex> lock(mutex);
    const std::int64_t height = box.row1 - box.row0, width = box.column1 - box.column0;
    check_box(box, extent);
    const ReadRow<Out> read_row = reads[static_cast<int>(options.accumulate)];
    auto read_rows = [&](std::int64_t low, std::int64_t high) {
        for (std::int64_t row = low; row < high; ++row)
            read_row(accumulator.sums(), accumulator.at(row, box.column0), width,
                     out + (row - box.row0) * width);
    };
    if (options.threads == 1 || height * width < kParallelPixels) return read_rows(box.row0, box.row1);
    const std::int64_t tasks = (height + kRowsPerTask - 1) / kRowsPerTask;
    pool.run(static_cast<int>(tasks), [&](int i) {
        const std::int64_t low = box.row0 + i * kRowsPerTask;
        read_rows(low, std::min(low + kRowsPerTask, box.row1));
    });
}

void Canvas::sum(const Box& box, std::complex<float>* out) const {
    state_->read(state_->kernels->sum, box, out);
}

void Canvas::image(const Box& box, std::complex<float>* out) const {
    require_coverage(state_->options);
    state_->read(state_->kernels->image, box, out);
}

void Canvas::coverage(const Box& box, float* out) const {
    require_coverage(state_->options);
    state_->read(state_->kernels->coverage, box, out);
}

void Canvas::spread(const Box& box, float* out) const {
    if (!state_->options.spread) throw std::invalid_argument("this canvas was made without the spread");
    state_->read(state_->kernels->spread, box, out);
}

}  // namespace ptychoscope
