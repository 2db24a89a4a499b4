// CudaCanvas: making one, clearing it, letting it grow, merging two, reading.
#include "ptychoscope/cuda_canvas.h"

#include <algorithm>
#include <limits>

#include "stitch_cuda/cuda_canvas_state.h"

namespace ptychoscope {

namespace {

std::unique_ptr<Device> make_device(int number, int threads) {
    return number == kHostDevice ? make_emulated_device(threads) : make_cuda_device(number);
}

}  // namespace

double copy_bandwidth(int device, std::int64_t bytes, int rounds) {
    const std::unique_ptr<Device> there = make_device(device, 1);
    DeviceArray<char> from(*there), to(*there);
    from.zeros(bytes);
    to.zeros(bytes);
    double seconds = std::numeric_limits<double>::infinity();
    for (int i = 0; i < rounds; ++i) {
        const auto row = static_cast<std::size_t>(bytes);
        there->start_clock();
        there->copy_rows(to.get(), row, from.get(), row, row, 1);
        seconds = std::min(seconds, there->stop_clock());
    }
    return 2 * static_cast<double>(bytes) / seconds;
}

CudaCanvas::State::State(std::int64_t height, std::int64_t width, const CudaCanvasOptions& o)
    : SharedState(height, width, o),
      device(make_device(o.device, o.threads)),
      accumulator(*device, extent, o.accumulate, o.spread),
      window(*device),
      buffers(*device),
      reading(*device) {}

void CudaCanvas::State::set_window(const float* values, std::int64_t height, std::int64_t width) {
    window.upload(values, height * width);
    device->wait();
    window_height = height;
    window_width = width;
}

void CudaCanvas::State::read(const Box& box, float* Output::* part, int numbers, float* out) const {
    std::lock_guard<std::mutex> lock(mutex);
    check_box(box, extent);
    if (box.empty()) return;
    device->use();
    const std::int64_t count = numbers * (box.row1 - box.row0) * (box.column1 - box.column0);
    Output output;
    output.*part = reading.reserve(count);
    accumulator.read(box, output);
    reading.download(out, count);
}

CudaCanvas::CudaCanvas(std::int64_t height, std::int64_t width, const float* window,
                       std::int64_t window_height, std::int64_t window_width,
                       const CudaCanvasOptions& options) {
    check_canvas(height, width, options);
    require(options.coverage, "a canvas on a device keeps the coverage: coverage=false is for Canvas alone");
    require(!options.atomics || !options.spread || options.accumulate == Accumulate::exact,
            "atomics=true adds in no order, and the spread of float sums depends on it: use "
            "accumulate=\"exact\", or spread=false");
    const double largest_weight = window ? check_window(window, window_height, window_width) : 1;
    state_ = std::make_unique<State>(height, width, options);
    if (window) state_->set_window(window, window_height, window_width);
    state_->set_quanta(state_->accumulator, largest_weight);
}

CudaCanvas::~CudaCanvas() = default;

const CudaCanvasOptions& CudaCanvas::options() const { return state_->options; }

double CudaCanvas::device_seconds() const {
    std::lock_guard<std::mutex> lock(state_->mutex);
    return state_->device_seconds;
}

std::uintptr_t CudaCanvas::stream() const { return state_->device->stream(); }

Box CudaCanvas::extent() const { return state_->locked_extent(); }

Box CudaCanvas::take_dirty() { return state_->take_dirty(); }

void CudaCanvas::reset() {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->device->use();
    state_->accumulator.clear();
    state_->device->wait();
    state_->overflow_guard.clear();
    state_->dirty = state_->extent;
}

void CudaCanvas::merge(const CudaCanvas& other) {
    State& to = *state_;
    const State& from = *other.state_;
    merge_into(to, from, [&](const Box& box) {
        std::unique_ptr<DeviceAccumulator> copy;
        if (to.options.device != from.options.device) copy = from.accumulator.copy_on(*to.device);
        const DeviceAccumulator& sums = copy ? *copy : from.accumulator;
        to.device->use();
        to.expect(to.accumulator, from, sums);
        to.accumulator.merge(sums, box);
    });
}

void CudaCanvas::image(const Box& box, std::complex<float>* out) const {
    state_->read(box, &Output::image, 2, reinterpret_cast<float*>(out));
}

void CudaCanvas::coverage(const Box& box, float* out) const { state_->read(box, &Output::coverage, 1, out); }

void CudaCanvas::spread(const Box& box, float* out) const {
    require(state_->options.spread, "this canvas was made without the spread");
    state_->read(box, &Output::spread, 1, out);
}

}  // namespace ptychoscope
