#include "stitch/overflow_guard.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace ptychoscope {

namespace {

/// The least power of two that is not below x.
double power_of_two(double x) { return std::exp2(std::ceil(std::log2(x))); }

}  // namespace

// With real and imaginary parts up to the bound, a weighted part is below 3 bound weight (no kernel's taps
// sum to more than 2 in magnitude, both axes taken together, and a rotation adds a factor of sqrt(2)), a
// weighted square below 8 bound^2 weight; a double converts up to 2^51 quanta.
OverflowGuard::OverflowGuard(double bound, double largest_weight)
    : bound_(bound),
      largest_weight_(largest_weight),
      quantum_(power_of_two(bound) * power_of_two(largest_weight) * 0x1p-48),
      moment_quantum_(power_of_two(bound) * power_of_two(bound) * power_of_two(largest_weight) * 0x1p-47) {}

void OverflowGuard::note(double largest, const ReadCounts& read) {
    if (largest > bound_)
        throw std::invalid_argument("has a value of " + std::to_string(largest) +
                                    ", and accumulate=\"exact\" was given bound=" + std::to_string(bound_) +
                                    ": give a larger bound");
    take(std::max(1.0, 3 * largest) * largest_weight_ / quantum_,
         8 * largest * largest * largest_weight_ / moment_quantum_, read);
}

void OverflowGuard::note(const OverflowGuard& other, const ReadCounts& read, const ReadCounts& read_other) {
    OverflowGuard added = other;
    if (used_ + other.used_ > 0x1p62 || moment_used_ + other.moment_used_ > 0x1p62)
        added.used_ = 0x1p63, added.take(0, 0, read_other);
    take(added.used_, added.moment_used_, read);
}

void OverflowGuard::take(double step, double moment_step, const ReadCounts& read) {
    constexpr double limit = 0x1p62;
    if (used_ + step > limit || moment_used_ + moment_step > limit) {
        const LargestCounts counts = read();
        used_ = counts.sums;
        moment_used_ = counts.moments;
        if (used_ + step > limit || moment_used_ + moment_step > limit)
            throw std::overflow_error("would overflow the 64-bit sums of accumulate=\"exact\" with bound=" +
                                      std::to_string(bound_) +
                                      ": give a smaller bound or start a new canvas");
    }
    used_ += step;
    moment_used_ += moment_step;
}

}  // namespace ptychoscope
