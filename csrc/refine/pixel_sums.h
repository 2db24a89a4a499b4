// Sums over the measured pixels of a sweep's frames, and the background that follows them.
#pragma once

#include <vector>

#include "cpu/aligned_buffer.h"
#include "ptychoscope/refiner.h"
#include "refine/frame_store.h"
#include "refine/rpie_kernel.h"

namespace ptychoscope {

/// Of one partition of frames.
struct PixelAccumulator {
    AlignedFloats sums;
    PixelPlanes planes;

    PixelAccumulator(const FftPlan& plan, int window);
};

/// The partitions added in their order, as (window, window) in counts.
PixelSums collect(const std::vector<PixelAccumulator>& partitions, const FrameStore& frames, int window);

/// Counts (window, window) times the mean of A^2 / I to the power `step`: pixel by pixel, or as a whole.
/// Expectation maximisation for Poisson counts when step is 1 (Shepp and Vardi, IEEE TMI 1, 113, 1982).
void follow(const PixelSums& sums, float step, bool whole, std::vector<float>& background);

}  // namespace ptychoscope
