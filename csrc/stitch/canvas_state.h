// What a canvas holds. Internal to canvas*.cpp.
#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "cpu/thread_pool.h"
#include "ptychoscope/canvas.h"
#include "stitch/shared_state.h"
#include "stitch/stitch_kernel.h"

namespace ptychoscope {

struct Canvas::State : SharedState<CanvasOptions> {
    const StitchKernels* kernels;
    mutable ThreadPool pool;
    Accumulator accumulator;  // on a box that holds the extent and, when growing, some more
    bool blank = true;        ///< no patch was placed since it was made or reset
    StagedRows window;
    double largest_weight = 1;
    std::vector<StagedRows> buffers;  // one per thread

    State(std::int64_t height, std::int64_t width, const CanvasOptions& options);
    void set_window(const float* values, std::int64_t height, std::int64_t width);

    enum class PatchStatus { usable, outside, bad_position, bad_patch };
    /// What is known of a patch before it is placed.
    struct InspectedPatch {
        PatchView view;
        Placement placement;
        float largest = 0;
        PatchStatus status = PatchStatus::usable;
    };
    void reserve_buffers(const PatchBatch& batch);
    std::complex<double> correlate(const InspectedPatch& patch) const;
    InspectedPatch inspect(const PatchView& patch, const double* position) const;
    /// Reports what is left out and makes room for the rest; when there is none, places what comes before and
    /// throws.
    void make_room(std::vector<InspectedPatch>& patches, std::int64_t start, AddReport& report);

    void place(const std::vector<InspectedPatch>& patches, bool parallel, Prefetch prefetch);
    void place_band(const std::vector<InspectedPatch>& patches, std::int64_t low, std::int64_t high,
                    const Staged& buffer, Prefetch& prefetch);
    void place_in_narrow_bands(const std::vector<InspectedPatch>& patches, Prefetch prefetch);
    std::vector<std::int64_t> bands(const std::vector<InspectedPatch>& patches) const;

    /// Reads a box, row by row, by the one of `reads` that is for these sums.
    template <class Out>
    void read(const ReadRow<Out>* reads, const Box& box, Out* out) const;
};

}  // namespace ptychoscope
