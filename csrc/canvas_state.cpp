#include "canvas_state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace ptychoscope {

namespace {

constexpr std::int64_t kLine = 16;  // floats in a cache line

/// The least odd number of cache lines that holds n floats, in floats: rows an odd number of lines apart
/// spread over all sets of a cache, where rows 2 or 4 KiB apart would drive each other out.
std::int64_t odd_lines(std::int64_t n) { return ((n + kLine - 1) / kLine | 1) * kLine; }

/// The least power of two that is not below x.
double power_of_two(double x) { return std::exp2(std::ceil(std::log2(x))); }

double largest_count(const void* plane, std::int64_t n) {
    const std::int64_t* counts = static_cast<const std::int64_t*>(plane);
    double largest = 0;
    for (std::int64_t i = 0; i < n; ++i)
        largest = std::max(largest, std::fabs(static_cast<double>(counts[i])));
    return largest;
}

}  // namespace

Planes::Planes(std::int64_t height, std::int64_t width, Accumulate accumulate, bool spread)
    : height_(height) {
    const std::int64_t floats = accumulate == Accumulate::float32 ? 1 : 2;  // per element
    const std::int64_t whole_vectors = (width + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
    const std::int64_t pitch = odd_lines(whole_vectors * floats) / floats;
    const std::int64_t plane = height * pitch * floats + 8 * kLine;
    memory_ = AlignedFloats(static_cast<std::size_t>(plane * (spread ? 4 : 3)));
    sums_.re = memory_.get();
    sums_.im = memory_.get() + plane;
    sums_.weight = memory_.get() + 2 * plane;
    sums_.moment = spread ? memory_.get() + 3 * plane : nullptr;
    sums_.pitch = pitch;
}

void Planes::set_quanta(double quantum, double moment_quantum) {
    sums_.quantum = quantum;
    sums_.moment_quantum = moment_quantum;
}

void StagedRows::reserve(std::int64_t rows, std::int64_t width) {
    if (rows <= view_.rows && width == width_) return;
    const std::int64_t pitch = odd_lines(width + 2 * kPadColumns), plane = (rows + 1) * pitch;
    memory_ = AlignedFloats(static_cast<std::size_t>(2 * plane));
    width_ = width;
    float* corner = memory_.get() + pitch + kPadColumns;
    view_ = {corner, corner + plane, pitch, rows};
}

// A weighted value is below 2 bound weight (no kernel's taps sum to more than 2 in magnitude, both axes taken
// together, but for rounding), a squared one below 8 bound^2 weight; a double converts up to 2^51 quanta.
Headroom::Headroom(double bound, double largest_weight)
    : bound_(bound),
      largest_weight_(largest_weight),
      quantum_(power_of_two(bound) * power_of_two(largest_weight) * 0x1p-48),
      moment_quantum_(power_of_two(bound) * power_of_two(bound) * power_of_two(largest_weight) * 0x1p-47) {}

void Headroom::note(double largest, const Planes& planes) {
    if (largest > bound_)
        throw std::invalid_argument("has a value of " + std::to_string(largest) +
                                    ", and accumulate=\"exact\" was given bound=" + std::to_string(bound_) +
                                    ": give a larger bound");
    constexpr double limit = 0x1p62;
    const double step = std::max(1.0, 2 * largest) * largest_weight_ / quantum_;
    const double moment_step = 8 * largest * largest * largest_weight_ / moment_quantum_;
    if (used_ + step > limit || moment_used_ + moment_step > limit) {
        const Sums s = planes.sums();
        const std::int64_t n = planes.elements();
        used_ = std::max({largest_count(s.re, n), largest_count(s.im, n), largest_count(s.weight, n)});
        moment_used_ = s.moment ? largest_count(s.moment, n) : 0;
        if (used_ + step > limit || moment_used_ + moment_step > limit)
            throw std::overflow_error(
                "would overflow the 64-bit sums of accumulate=\"exact\": give a smaller bound (it is " +
                std::to_string(bound_) + ") or start a new canvas");
    }
    used_ += step;
    moment_used_ += moment_step;
}

Canvas::State::State(std::int64_t h, std::int64_t w, const CanvasOptions& o)
    : height(h),
      width(w),
      options(o),
      kernels(&stitch_kernels(active_isa())),
      pool(o.threads),
      planes(h, w, o.accumulate, o.spread),
      buffers(static_cast<std::size_t>(o.threads)) {}

void Canvas::State::set_window(const float* values, std::int64_t h, std::int64_t w) {
    double largest_weight = 1;
    if (values) {
        window.reserve(h, w);
        const Staged& to = window.view();
        largest_weight = 0;
        for (std::int64_t r = 0; r < h; ++r)
            for (std::int64_t c = 0; c < w; ++c) {
                const float v = values[r * w + c];
                if (!std::isfinite(v) || v < 0)
                    throw std::invalid_argument("window[" + std::to_string(r) + ", " + std::to_string(c) +
                                                "] is " + std::to_string(v) +
                                                ": weights must be finite and not negative");
                to.first[r * to.pitch + c] = v;
                largest_weight = std::max(largest_weight, static_cast<double>(v));
            }
        if (largest_weight == 0)
            throw std::invalid_argument("window is zero everywhere: nothing would be added");
        window_height = h;
        window_width = w;
        windowed = true;
    }
    if (options.accumulate == Accumulate::exact) {
        headroom = Headroom(options.bound, largest_weight);
        planes.set_quanta(headroom.quantum(), headroom.moment_quantum());
    }
}

}  // namespace ptychoscope
