// Reading a canvas: image, coverage and spread of a box.
#include <stdexcept>
#include <string>

#include "canvas_state.h"

namespace ptychoscope {

void Canvas::State::check_box(const Box& box) const {
    if (box.row0 < 0 || box.column0 < 0 || box.row1 > height || box.column1 > width || box.row0 > box.row1 ||
        box.column0 > box.column1)
        throw std::out_of_range("the box of rows " + std::to_string(box.row0) + ":" +
                                std::to_string(box.row1) + " and columns " + std::to_string(box.column0) +
                                ":" + std::to_string(box.column1) + " leaves the canvas of " +
                                std::to_string(height) + " x " + std::to_string(width));
}

/// Calls row(element, count, offset in the output) for every row of the box.
template <class Row>
void Canvas::State::read_rows(const Box& box, Row row) const {
    std::lock_guard<std::mutex> lock(mutex);
    check_box(box);
    const std::int64_t count = box.column1 - box.column0, pitch = planes.sums().pitch;
    for (std::int64_t r = box.row0; r < box.row1; ++r)
        row(r * pitch + box.column0, count, (r - box.row0) * count);
}

void Canvas::image(const Box& box, std::complex<float>* out) const {
    const State& s = *state_;
    const auto read = s.kernels->image[static_cast<int>(s.options.accumulate)];
    s.read_rows(box, [&](std::int64_t at, std::int64_t count, std::int64_t to) {
        read(s.planes.sums(), at, count, out + to);
    });
}

void Canvas::coverage(const Box& box, float* out) const {
    const State& s = *state_;
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
