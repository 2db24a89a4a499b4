// What overlaps ask of an instruction set. Internal.
#pragma once

#include "stitch/stitch_kernel.h"

namespace ptychoscope {

/// Where the pixels of `there` lie on those of `here`: pixel (y, x) of `here` is pixel (y - row, x - column)
/// of `there`, plus a part of a pixel between that and the next.
struct Overlay {
    std::int64_t row0, row1, column0, column1;  // pixels of `here` that both have
    std::int64_t row, column;
    float row_part, column_part;
};

struct OverlapKernels {
    /// Stages a patch times `window` (nullptr: 1); returns the sum of its squared moduli, not finite where a
    /// pixel is not.
    double (*weigh)(const PatchView& patch, const float* window, const Staged& out);
    /// The sum of conj(here) there. Rows and columns just past the edges of `there` must be zeros.
    std::complex<double> (*overlap)(const Staged& here, const Staged& there, const Overlay&);
};

const OverlapKernels& overlap_kernels(Isa isa);

}  // namespace ptychoscope
