// The table of one instruction set: every combination of taps and sums.
#pragma once

#include "stitch/place.inl"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

// Order of the rows: Interpolation; of the columns: Accumulate.
const StitchKernels stitch_kernels = {
    largest_value,
    {{place<1, SumFloat32>, place<1, SumFloat64>, place<1, SumExact>},
     {place<2, SumFloat32>, place<2, SumFloat64>, place<2, SumExact>},
     {place<4, SumFloat32>, place<4, SumFloat64>, place<4, SumExact>},
     {place<6, SumFloat32>, place<6, SumFloat64>, place<6, SumExact>}},
    {{correlate<1, SumFloat32>, correlate<1, SumFloat64>, correlate<1, SumExact>},
     {correlate<2, SumFloat32>, correlate<2, SumFloat64>, correlate<2, SumExact>},
     {correlate<4, SumFloat32>, correlate<4, SumFloat64>, correlate<4, SumExact>},
     {correlate<6, SumFloat32>, correlate<6, SumFloat64>, correlate<6, SumExact>}},
    {merge<SumFloat32>, merge<SumFloat64>, merge<SumExact>},
    {read_sum<SumFloat32>, read_sum<SumFloat64>, read_sum<SumExact>},
    {read_image<SumFloat32>, read_image<SumFloat64>, read_image<SumExact>},
    {read_coverage<SumFloat32>, read_coverage<SumFloat64>, read_coverage<SumExact>},
    {read_spread<SumFloat32>, read_spread<SumFloat64>, read_spread<SumExact>},
};

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
