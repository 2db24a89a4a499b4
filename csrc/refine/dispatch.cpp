// The kernels of the instruction sets that this build has.
#include "refine/rpie_kernel.h"

namespace ptychoscope {

#if defined(__x86_64__)

namespace sse41 {
extern const FftKernel fft_kernel;
extern const RefineKernel refine_kernel;
}  // namespace sse41
namespace avx2 {
extern const FftKernel fft_kernel;
extern const RefineKernel refine_kernel;
}  // namespace avx2
namespace avx512 {
extern const FftKernel fft_kernel;
extern const RefineKernel refine_kernel;
}  // namespace avx512

const FftKernel& fft_kernel(Isa isa) {
    return isa == Isa::avx512 ? avx512::fft_kernel : isa == Isa::avx2 ? avx2::fft_kernel : sse41::fft_kernel;
}
const RefineKernel& refine_kernel(Isa isa) {
    return isa == Isa::avx512 ? avx512::refine_kernel
           : isa == Isa::avx2 ? avx2::refine_kernel
                              : sse41::refine_kernel;
}

#else

namespace neon {
extern const FftKernel fft_kernel;
extern const RefineKernel refine_kernel;
}  // namespace neon

const FftKernel& fft_kernel(Isa) { return neon::fft_kernel; }
const RefineKernel& refine_kernel(Isa) { return neon::refine_kernel; }

#endif

}  // namespace ptychoscope
