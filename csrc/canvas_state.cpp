#include "canvas_state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace ptychoscope {

namespace {

constexpr std::int64_t kLine = 16;  // elements; a whole number of cache lines for 4 and for 8 bytes

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

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
    std::int64_t pitch = round_up(width, kLine);
    if (pitch * floats % 1024 == 0) pitch += kLine;  // rows 4 KiB apart would fight for the same cache lines
    const std::int64_t plane = height * pitch * floats;
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

void StagingArea::reserve(std::int64_t count, std::int64_t height, std::int64_t width) {
    if (count <= count_ && height == height_ && width == width_) return;
    pitch_ = round_up(width, kLine) + 2 * kPadColumns;
    plane_ = (height + 2 * kPadRows) * pitch_;
    memory_ = AlignedFloats(static_cast<std::size_t>(count * 2 * plane_));
    count_ = count;
    height_ = height;
    width_ = width;
}

Staged StagingArea::at(std::int64_t i) {
    const std::int64_t corner = i * 2 * plane_ + kPadRows * pitch_ + kPadColumns;
    return {memory_.get() + corner, memory_.get() + corner + plane_, pitch_};
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
      window_height(0),
      window_width(0) {}

void Canvas::State::set_window(const float* values, std::int64_t h, std::int64_t w) {
    double largest_weight = 1;
    if (values) {
        window.reserve(1, h, w);
        const Staged to = window.at(0);
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
