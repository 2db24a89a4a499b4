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
    std::int64_t window_height = 0, window_width = 0;
    StagedRows window;
    bool windowed = false;
    Headroom headroom;
    std::vector<StagedRows> buffers;  // one per thread
    mutable std::mutex mutex;

    State(std::int64_t h, std::int64_t w, const CanvasOptions& o);

    enum class Fate { place, outside, bad_position, bad_patch };
    struct Job {
        PatchView patch;
        Placement placement;
        float largest = 0;
        Fate fate = Fate::place;
    };
    void set_window(const float* values, std::int64_t h, std::int64_t w);
    void check(const PatchBatch& batch, const double* positions) const;
    Job look_at(const PatchView& patch, const double* position) const;
    void note(std::vector<Job>& jobs, std::int64_t start, AddReport& report);
    void place(const std::vector<Job>& jobs, bool parallel, const PatchView* next);
    void place_band(const std::vector<Job>& jobs, std::int64_t low, std::int64_t high, const Staged& buffer,
                    const PatchView* next);
    std::vector<std::int64_t> bands(const std::vector<Job>& jobs) const;
    void check_box(const Box& box) const;

    template <class Row>
    void read_rows(const Box& box, Row row) const;
};

}  // namespace ptychoscope
