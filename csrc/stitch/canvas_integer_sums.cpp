// The integers of an exact canvas, out of one process and into another.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "ptychoscope/canvas.h"
#include "stitch/canvas_state.h"

namespace ptychoscope {

namespace {

void require_exact(const CanvasOptions& options) {
    if (options.accumulate != Accumulate::exact)
        throw std::invalid_argument("only a canvas with accumulate=\"exact\" holds counts");
}

/// The planes that are kept, in the order in which counts come.
std::vector<std::int64_t*> kept_planes(const Sums& sums) {
    std::vector<std::int64_t*> planes;
    for (void* plane : {sums.re, sums.im, sums.weight, sums.moment})
        if (plane) planes.push_back(static_cast<std::int64_t*>(plane));
    return planes;
}

double largest_of(const std::int64_t* counts, std::int64_t n) {
    double largest = 0;
    for (std::int64_t i = 0; i < n; ++i)
        largest = std::max(largest, std::fabs(static_cast<double>(counts[i])));
    return largest;
}

}  // namespace

int Canvas::planes() const {
    require_exact(state_->options);
    return static_cast<int>(kept_planes(state_->accumulator.sums()).size());
}

void Canvas::counts(const Box& box, std::int64_t* out) const {
    const State& s = *state_;
    require_exact(s.options);
    std::lock_guard<std::mutex> lock(s.mutex);
    check_box(box, s.extent);
    const std::int64_t width = box.column1 - box.column0;
    for (const std::int64_t* plane : kept_planes(s.accumulator.sums()))
        for (std::int64_t row = box.row0; row < box.row1; ++row, out += width)
            std::copy_n(plane + s.accumulator.at(row, box.column0), width, out);
}

void Canvas::add_counts(const Box& box, const std::int64_t* counts) {
    State& s = *state_;
    require_exact(s.options);
    std::lock_guard<std::mutex> lock(s.mutex);
    check_box(box, s.extent);
    const std::int64_t width = box.column1 - box.column0, pixels = (box.row1 - box.row0) * width;
    const std::vector<std::int64_t*> planes = kept_planes(s.accumulator.sums());
    const std::int64_t sums = std::min<std::int64_t>(3, static_cast<std::int64_t>(planes.size()));
    const double moments = planes.size() == 4 ? largest_of(counts + 3 * pixels, pixels) : 0;
    s.overflow_guard.note(LargestCounts{largest_of(counts, sums * pixels), moments},
                          [&] { return s.accumulator.largest_counts(); });
    for (std::int64_t* plane : planes)
        for (std::int64_t row = box.row0; row < box.row1; ++row, counts += width) {
            std::int64_t* to = plane + s.accumulator.at(row, box.column0);
            for (std::int64_t i = 0; i < width; ++i) to[i] += counts[i];
        }
    s.dirty = union_of(s.dirty, box);
    s.blank = s.blank && pixels == 0;
}

}  // namespace ptychoscope
