// The two-dimensional transform of one instruction set: columns, transposition, columns.
#include "fft/fft_kernel.h"

#include "fft/columns.inl"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

void transform(const FftPlan& plan, const float* in_re, const float* in_im, float* out_re, float* out_im,
               float* scratch, float* panels, float scale) {
    const int size = panel_floats(plan, kLanes);
    float* panel = panels + 2 * size;
    for (int column = 0; column < plan.padded; column += kLanes) {
        transform_columns(plan, columns_of(in_re, in_im, plan.padded, column), packed(panel), panels);
        scatter(plan, panel, scratch, column, scale);
    }
    for (int column = 0; column < plan.padded; column += kLanes)
        transform_columns(plan, packed(scratch + column / kLanes * size),
                          columns_of(out_re, out_im, plan.padded, column), panels);
}

extern const FftKernel fft_kernel;
const FftKernel fft_kernel = {kLanes, transform};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
