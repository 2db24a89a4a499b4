// The sums of every canvas pixel, and rows of a patch on their way there. Internal to the canvas.
#pragma once

#include "cpu/aligned_buffer.h"
#include "stitch/overflow_guard.h"
#include "stitch/stitch_kernel.h"

namespace ptychoscope {

inline bool contains(const Box& outer, const Box& inner) {
    return outer.row0 <= inner.row0 && inner.row1 <= outer.row1 && outer.column0 <= inner.column0 &&
           inner.column1 <= outer.column1;
}

/// The smallest box that holds both; an empty one holds nothing.
Box union_of(const Box& a, const Box& b);

/// What both hold; may be empty.
Box intersection(const Box& a, const Box& b);

/// Planes re, im and, when kept, weight and moment over a box of canvas pixels. Rows start at a cache line.
class Accumulator {
  public:
    Accumulator(const Box& box, Accumulate accumulate, Kept kept);
    const Box& box() const { return box_; }
    Sums sums() const { return sums_; }
    /// Element of a canvas pixel in each plane.
    std::int64_t at(std::int64_t row, std::int64_t column) const {
        return (row - box_.row0) * sums_.pitch + column - box_.column0;
    }
    std::int64_t elements() const { return (box_.row1 - box_.row0) * sums_.pitch; }  // of one plane
    std::int64_t bytes_per_pixel() const;                                            // of all planes
    void set_quanta(double quantum, double moment_quantum);
    void clear() { memory_.zero(); }
    /// exact: of all counts, the largest by magnitude.
    LargestCounts largest_counts() const;
    /// Extends the box.
    void grow_to(const Box& box);

  private:
    int count() const { return 2 + static_cast<int>(kept_); }  // of planes
    Box box_;
    Accumulate accumulate_;
    Kept kept_;
    AlignedFloats memory_;
    Sums sums_;
};

/// Room for staged rows of one width (see Staged), with a row of zeros above.
class StagedRows {
  public:
    void reserve(std::int64_t rows, std::int64_t width);
    const Staged& view() const { return view_; }

  private:
    std::int64_t width_ = -1;
    AlignedFloats memory_;
    Staged view_;
};

}  // namespace ptychoscope
