// What preprocessing asks of an instruction set, and where it finds a pattern's pixels. Internal.
#pragma once

#include <cstdint>

#include "ptychoscope/cpu_features.h"
#include "ptychoscope/preprocess.h"

namespace ptychoscope {

/// Columns of the window that lie side by side in the frame.
struct ColumnRun {
    std::int64_t window, frame, count;
};

/// Everything about a frame's pixels that does not depend on their values.
struct FrameLayout {
    std::int64_t side, bin;
    const std::int64_t* rows;  ///< (side * bin) first pixel of each row of the window in the frame; -1: none
    const ColumnRun* runs;     ///< up to two
    int run_count;
    const std::uint8_t* good;     ///< (side * bin, side * bin) 0xff where the mask leaves a pixel, else 0
    const std::uint8_t* row_bad;  ///< (side * bin) not 0 where a row of `good` holds zeros
    const float* weight_of;  ///< (bin * bin + 1) what a sum over so many pixels is multiplied by; -1: none
    const float* weights;  ///< (side, side) the same of each bin, where all that the mask leaves is measured
    const std::int64_t* to_row;     ///< (side) where a pattern's row begins in the output ...
    const std::int64_t* to_column;  ///< ... and what its columns add
    bool rows_stay_rows;            ///< columns add 0, 1, 2 ...
};

struct ValueRules {
    double threshold;  ///< infinite: none
    bool all_ones;
    NegativeValues negative;
    bool square, root;
};

/// Room for a row: `sums` of side * bin doubles, `counts` of side * bin numbers, `line` and `weights`
/// of side floats.
struct RowScratch {
    double* sums;
    std::int32_t* counts;
    float *line, *weights;
};

struct FrameKernels {
    void (*uint8)(const FrameLayout&, const ValueRules&, const void* frame, const RowScratch&, float* out);
    void (*uint16)(const FrameLayout&, const ValueRules&, const void* frame, const RowScratch&, float* out);
    void (*uint32)(const FrameLayout&, const ValueRules&, const void* frame, const RowScratch&, float* out);
    void (*int32)(const FrameLayout&, const ValueRules&, const void* frame, const RowScratch&, float* out);
    void (*float32)(const FrameLayout&, const ValueRules&, const void* frame, const RowScratch&, float* out);
};

const FrameKernels& frame_kernels(Isa isa);

}  // namespace ptychoscope
