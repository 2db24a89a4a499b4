#include <stdexcept>
#include <string>

#include "stitch/stitch_kernel.h"

namespace ptychoscope {

const StitchKernels& stitch_kernels(Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case Isa::sse41:
            return sse41::stitch_kernels;
        case Isa::avx2:
            return avx2::stitch_kernels;
        case Isa::avx512:
            return avx512::stitch_kernels;
#else
        case Isa::neon:
            return neon::stitch_kernels;
#endif
        default:
            throw std::runtime_error(std::string("this build has no kernels for ") + isa_name(isa));
    }
}

}  // namespace ptychoscope
