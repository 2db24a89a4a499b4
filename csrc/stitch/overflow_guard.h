// Keeps the integers of Accumulate::exact from overflowing, without reading them after every patch: a
// bound on all counts grows with every patch, and only when it has become too large are the counts read.
#pragma once

#include <functional>

namespace ptychoscope {

/// The largest magnitudes among the counts of re, im and weight, and among those of the moment.
struct LargestCounts {
    double sums = 0, moments = 0;
};

class OverflowGuard {
  public:
    using ReadCounts = std::function<LargestCounts()>;  // the true ones of a canvas: slow

    OverflowGuard() = default;
    OverflowGuard(double bound, double largest_weight);
    double quantum() const { return quantum_; }
    double moment_quantum() const { return moment_quantum_; }
    /// Takes note of a patch before it is added; throws when it is beyond the bound (std::invalid_argument)
    /// or a sum might overflow (std::overflow_error).
    void note(double largest, const ReadCounts& read);
    /// Takes note of another canvas' sums before they are added; throws std::overflow_error.
    void note(const OverflowGuard& other, const ReadCounts& read, const ReadCounts& read_other);
    /// Takes note of counts before they are added; throws std::overflow_error.
    void note(const LargestCounts& added, const ReadCounts& read) { take(added.sums, added.moments, read); }
    void clear() { used_ = moment_used_ = 0; }

  private:
    void take(double step, double moment_step, const ReadCounts& read);
    double bound_ = 0, largest_weight_ = 0, quantum_ = 0, moment_quantum_ = 0;
    double used_ = 0, moment_used_ = 0;  // no count exceeds these
};

}  // namespace ptychoscope
