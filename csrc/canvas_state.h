// What a canvas holds. Internal to canvas*.cpp.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "aligned.h"
#include "ptychoscope/canvas.h"
#include "stitch.h"
#include "thread_pool.h"

namespace ptychoscope {

/// The sums of every pixel: three or four planes with rows that start at a cache line.
class Planes {
  public:
    Planes(std::int64_t height, std::int64_t width, Accumulate accumulate, bool spread);
    Sums sums() const { return sums_; }
    void set_quanta(double quantum, double moment_quantum);
    void clear() { memory_.zero(); }
    std::int64_t height() const { return height_; }
    std::int64_t elements() const { return height_ * sums_.pitch; }  // of one plane

  private:
    std::int64_t height_;
    AlignedFloats memory_;
    Sums sums_;
};

/// Room for staged patches (see Staged), all of one shape.
class StagingArea {
  public:
    void reserve(std::int64_t count, std::int64_t height, std::int64_t width);
    Staged at(std::int64_t i);

  private:
    std::int64_t count_ = 0, height_ = -1, width_ = -1, plane_ = 0, pitch_ = 0;
    AlignedFloats memory_;
};

/// Keeps the integers of Accumulate::exact from overflowing, without looking at them after every patch.
class Headroom {
  public:
    Headroom() = default;
    Headroom(double bound, double largest_weight);
    double quantum() const { return quantum_; }
    double moment_quantum() const { return moment_quantum_; }
    /// Takes note of a patch before it is added; throws std::overflow_error when a sum might overflow.
    void note(double largest, const Planes& planes);

  private:
    double bound_ = 0, largest_weight_ = 0, quantum_ = 0, moment_quantum_ = 0;
    double used_ = 0, moment_used_ = 0;  // no count exceeds these
};

struct Canvas::State {
    std::int64_t height, width;
    CanvasOptions options;
    const StitchKernels* kernels;
    ThreadPool pool;
    Planes planes;
    std::int64_t window_height, window_width;
    StagingArea window;  // holds one patch, the window, when there is one
    bool windowed = false;
    Headroom headroom;
    StagingArea staging;
    mutable std::mutex mutex;

    State(std::int64_t h, std::int64_t w, const CanvasOptions& o);

    struct Job {
        Placement placement;
        float largest = 0;
        enum { place, outside, bad_position, bad_patch } fate = place;
    };
    void set_window(const float* values, std::int64_t h, std::int64_t w);
    void check(const PatchBatch& batch, const double* positions) const;
    Job stage(const PatchBatch& batch, const double* positions, std::int64_t i, const Staged& out) const;
    void place(const std::vector<Job>& jobs, bool parallel);
    std::vector<std::int64_t> bands(const std::vector<Job>& jobs) const;
    void check_box(const Box& box) const;

    template <class Row>
    void read_rows(const Box& box, Row row) const;
};

}  // namespace ptychoscope
