// The sums of every pixel of a canvas on a device: what Accumulator is on the host.
#pragma once

#include "stitch/overflow_guard.h"
#include "stitch_cuda/device.h"

namespace ptychoscope {

class DeviceAccumulator {
  public:
    /// Zero everywhere.
    DeviceAccumulator(Device& device, const Box& box, Accumulate accumulate, bool spread);
    const Box& box() const { return box_; }
    Sums sums() const { return sums_; }
    void set_quanta(double quantum, double moment_quantum);
    void clear();
    /// The elements of a box of canvas pixels.
    Pixels pixels(const Box& box) const;
    /// Extends the box.
    void grow_to(const Box& box);
    void read(const Box& box, const Output& output) const;
    void merge(const DeviceAccumulator& other, const Box& box);
    /// exact: of all counts, the largest by magnitude.
    LargestCounts largest_counts() const;
    /// The same sums on another device.
    std::unique_ptr<DeviceAccumulator> copy_on(Device& device) const;

  private:
    std::int64_t number_bytes() const { return accumulate_ == Accumulate::float32 ? 4 : 8; }
    std::int64_t bytes() const;
    void* plane(int i) const;

    Device* device_;
    Box box_;
    Accumulate accumulate_;
    DeviceArray<char> memory_;
    Sums sums_;
    mutable DeviceArray<std::uint64_t> largest_;
};

}  // namespace ptychoscope
