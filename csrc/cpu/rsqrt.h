// 1 / sqrt(x) of positive floats, to float precision.
#pragma once

#include "cpu/simd.h"

#if defined(__SSE4_1__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace ptychoscope::PTYCHOSCOPE_KERNEL_ISA {

inline vfloat inverse_root(vfloat x) {
#if defined(__AVX512F__)
    const vfloat guess =
        reinterpret_cast<vfloat>(_mm512_maskz_rsqrt14_ps(0xffff, reinterpret_cast<__m512>(x)));
    return guess * (broadcast(1.5f) - broadcast(0.5f) * x * guess * guess);
#elif defined(__AVX2__)
    return broadcast(1.f) / reinterpret_cast<vfloat>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
#elif defined(__SSE4_1__)
    return broadcast(1.f) / reinterpret_cast<vfloat>(_mm_sqrt_ps(reinterpret_cast<__m128>(x)));
#else
    return broadcast(1.f) / reinterpret_cast<vfloat>(vsqrtq_f32(reinterpret_cast<float32x4_t>(x)));
#endif
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL_ISA
