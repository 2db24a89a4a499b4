// Vectors of floats for the kernels, as wide as the instruction set of the translation unit.
//
// Written with the compiler's vector extension (GCC, Clang): arithmetic is plain + - *, and a * b + c becomes
// one fused instruction where there is one. Every kernel_<isa>.cpp defines PTYCHOSCOPE_ISA_NS and includes the
// kernel's .inl; the namespace keeps code compiled with different flags apart.
#pragma once

#include <cstdint>
#include <cstring>

#ifndef PTYCHOSCOPE_ISA_NS
#error "define PTYCHOSCOPE_ISA_NS (sse41, avx2, avx512, neon) before including simd.h"
#endif

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float vfloat __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t vint __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline vfloat broadcast(float x) { return x - vfloat{}; }

inline vfloat load(const float* p) {
    vfloat v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline void store(float* p, vfloat v) { std::memcpy(p, &v, sizeof v); }

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
