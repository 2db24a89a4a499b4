// Reading a canvas: weighted sum, image, coverage and spread of a box.
#include <algorithm>
#include <stdexcept>

#include "stitch/canvas_state.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kParallelPixels = 1 << 18;
constexpr std::int64_t kRowsPerTask = 64;

}  // namespace

/// Calls row(element, count, offset in the output) for every row of the box.
template <class Row>
void Canvas::State::read_rows(const Box& box, Row row) const {
    std::lock_guard<std::mutex> lock(mutex);
    const std::int64_t height = box.row1 - box.row0, width = box.column1 - box.column0;
    check_box(box, extent);
    auto read = [&](std::int64_t low, std::int64_t high) {
        for (std::int64_t r = low; r < high; ++r)
            row(planes.at(r, box.column0), width, (r - box.row0) * width);
    };
    if (options.threads == 1 || height * width < kParallelPixels) return read(box.row0, box.row1);
    const std::int64_t tasks = (height + kRowsPerTask - 1) / kRowsPerTask;
    pool.run(static_cast<int>(tasks), [&](int i) {
        const std::int64_t low = box.row0 + i * kRowsPerTask;
        read(low, std::min(low + kRowsPerTask, box.row1));
    });
}

void Canvas::sum(const Box& box, std::complex<float>* out) const {
    const State& s = *state_;
    const auto read = s.kernels->sum[static_cast<int>(s.options.accumulate)];
    s.read_rows(box, [&](std::int64_t at, std::int64_t count, std::int64_t to) {
        read(s.planes.sums(), at, count, out + to);
    });
}

void Canvas::image(const Box& box, std::complex<float>* out) const {
    const State& s = *state_;
    require_coverage(s.options);
    const auto read = s.kernels->image[static_cast<int>(s.options.accumulate)];
    s.read_rows(box, [&](std::int64_t at, std::int64_t count, std::int64_t to) {
        read(s.planes.sums(), at, count, out + to);
    });
}

void Canvas::coverage(const Box& box, float* out) const {
    const State& s = *state_;
    require_coverage(s.options);
    const auto read = s.kernels->coverage[static_cast<int>(s.options.accumulate)];
    s.read_rows(box, [&](std::int64_t at, std::int64_t count, std::int64_t to) {
        read(s.planes.sums(), at, count, out + to);
    });
}

void Canvas::spread(const Box& box, float* out) const {
    const State& s = *state_;
    if (!s.options.spread) throw std::invalid_argument("this canvas was made without the spread");
    const auto read = s.kernels->spread[static_cast<int>(s.options.accumulate)];
    s.read_rows(box, [&](std::int64_t at, std::int64_t count, std::int64_t to) {
        read(s.planes.sums(), at, count, out + to);
    });
}

}  // namespace ptychoscope
