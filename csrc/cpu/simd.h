// Vectors of floats for the kernels, as wide as the instruction set of the translation unit.
//
// Written with the compiler's vector extension (GCC, Clang): arithmetic is plain + - *. Where a rounding must
// not depend on what the compiler fuses, kernels are compiled with -ffp-contract=off and call fma() by name.
// A kernel's source is compiled once per instruction set, each time into a namespace of its own, see
// dispatch.h.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef PTYCHOSCOPE_KERNEL
#error "for kernels alone, which CMake compiles with PTYCHOSCOPE_KERNEL as their namespace"
#endif

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
constexpr int kRegisters = kLanes == 16 || kLanes == 4 ? 32 : 16;  // SSE's 16 narrow ones are as good as 32

typedef float vfloat __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t vint __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef double vdouble __attribute__((vector_size(kLanes * sizeof(float))));  // half as many lanes
typedef int64_t vlong __attribute__((vector_size(kLanes * sizeof(float))));

inline vfloat broadcast(float x) { return x - vfloat{}; }
inline vdouble broadcast(double x) { return x - vdouble{}; }

inline vint lane_numbers() {
    vint v{};
    for (int i = 0; i < kLanes; ++i) v[i] = i;
    return v;
}

template <class V, class T>
inline V load_as(const T* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline vfloat load(const float* p) { return load_as<vfloat>(p); }
inline vdouble load(const double* p) { return load_as<vdouble>(p); }
inline vlong load(const int64_t* p) { return load_as<vlong>(p); }

inline void store(float* p, vfloat v) { std::memcpy(p, &v, sizeof v); }
inline void store(double* p, vdouble v) { std::memcpy(p, &v, sizeof v); }
inline void store(int64_t* p, vlong v) { std::memcpy(p, &v, sizeof v); }

// Some lanes of a vector: load() leaves the memory of the others alone, where there is such an instruction;
// they are zero.
inline vint lanes_between(int64_t first, int64_t low, int64_t high) {
    const vint lane = lane_numbers() + static_cast<int32_t>(first);
    return (lane >= static_cast<int32_t>(low)) & (lane < static_cast<int32_t>(high));
}
#if defined(__AVX512F__)
#define PTYCHOSCOPE_MASKED_LOADS
typedef __mmask16 vmask;
inline vmask lanes_of(vint inside) { return _mm512_movepi32_mask((__m512i)inside); }
inline vfloat load(const float* p, vmask m) { return _mm512_maskz_loadu_ps(m, p); }
inline vfloat keep(vfloat v, vmask m) { return _mm512_maskz_mov_ps(m, v); }
inline bool any(vmask m) { return m != 0; }
#else
typedef vint vmask;
inline vmask lanes_of(vint inside) { return inside; }
inline vfloat keep(vfloat v, vmask m) { return (vfloat)((vint)v & m); }
inline bool any(vmask m) {
#if defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)m, (__m256i)m);
#elif defined(__x86_64__)
    return !_mm_testz_si128((__m128i)m, (__m128i)m);
#else
    return vmaxvq_u32((uint32x4_t)m) != 0;
#endif
}
#if defined(__AVX2__)
#define PTYCHOSCOPE_MASKED_LOADS
inline vfloat load(const float* p, vmask m) { return _mm256_maskload_ps(p, (__m256i)m); }
#endif
#endif
/// The lanes whose number, counted from `first`, is in [low, high).
inline vmask lanes_in(int64_t first, int64_t low, int64_t high) {
    return lanes_of(lanes_between(first, low, high));
}

/// Lanes K, K + 1, ... of `low` followed by `high`, 0 < K < kLanes.
template <int K>
vfloat joined(vfloat low, vfloat high) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_maskz_alignr_epi32(0xffff, (__m512i)high, (__m512i)low, K);
#elif defined(__AVX2__)
    const __m256i middle = _mm256_permute2x128_si256((__m256i)low, (__m256i)high, 0x21);
    if constexpr (K == 4)
        return (vfloat)middle;
    else if constexpr (K < 4)
        return (vfloat)_mm256_alignr_epi8(middle, (__m256i)low, 4 * K);
    else
        return (vfloat)_mm256_alignr_epi8((__m256i)high, middle, 4 * K - 16);
#elif defined(__x86_64__)
    return (vfloat)_mm_alignr_epi8((__m128i)high, (__m128i)low, 4 * K);
#else
    return (vfloat)vextq_f32((float32x4_t)low, (float32x4_t)high, K);
#endif
}

/// Moves a row of vectors `count` lanes up, 0 <= count < kLanes: the one at v becomes
/// shift.join(shift.rotate(the one before), shift.rotate(v), mask of the lanes to keep).
#if defined(__AVX512F__)
struct LaneShift {
    __m512i from;  // of the 32 lanes of two vectors
    explicit LaneShift(int count) : from((__m512i)(lane_numbers() + (kLanes - count))) {}
    vfloat rotate(vfloat v) const { return v; }
    vfloat join(vfloat before, vfloat v, vmask m) const {
        return _mm512_maskz_permutex2var_ps(m, before, from, v);
    }
};
#else
struct LaneShift {
    vint from, ours;
    explicit LaneShift(int count)
        : from((lane_numbers() - count) & (kLanes - 1)), ours(lane_numbers() >= count) {
#if !defined(__AVX2__)
        from = from * 0x04040404 + 0x03020100;  // bytes
#endif
    }
    vfloat rotate(vfloat v) const {
#if defined(__AVX2__)
        return _mm256_permutevar8x32_ps(v, (__m256i)from);
#elif defined(__x86_64__)
        return (vfloat)_mm_shuffle_epi8((__m128i)v, (__m128i)from);
#else
        return (vfloat)vqtbl1q_u8((uint8x16_t)v, (uint8x16_t)from);
#endif
    }
    vfloat join(vfloat before, vfloat v, vmask m) const { return keep(ours ? v : before, m); }
};
#endif

// The two halves of a vector, widened.
typedef float vhalf __attribute__((vector_size(kLanes / 2 * sizeof(float))));
inline vdouble widen_low(vfloat v) {
    vhalf half;
    std::memcpy(&half, &v, sizeof half);
    return __builtin_convertvector(half, vdouble);
}
inline vdouble widen_high(vfloat v) {
    vhalf half;
    std::memcpy(&half, reinterpret_cast<const char*>(&v) + sizeof half, sizeof half);
    return __builtin_convertvector(half, vdouble);
}

// binary16. Exact: every such number is a float.
inline float from_half(uint16_t h) {
#if defined(__F16C__)
    return _cvtsh_ss(h);
#else
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
    uint32_t bits = rest << 13;
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof bits);
    magnitude *= 0x1p112f;  // the exponents' offsets differ by 112; also right for subnormal numbers
    std::memcpy(&bits, &magnitude, sizeof bits);
    bits |= sign | (rest >= 0x7c00 ? 0x7f800000u : 0u);  // infinity, NaN
    std::memcpy(&magnitude, &bits, sizeof bits);
    return magnitude;
#endif
}
inline float to_float(uint16_t h) { return from_half(h); }
inline float to_float(float x) { return x; }

inline vfloat load(const uint16_t* p) {
#if defined(__AVX512F__)
    return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__F16C__)
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
    vfloat v{};
    for (int i = 0; i < kLanes; ++i) v[i] = from_half(p[i]);
    return v;
#endif
}

// a * b + c, rounded once where the instruction set can (all but SSE4.1).
#if defined(__AVX512F__)
inline vfloat fma(vfloat a, vfloat b, vfloat c) { return _mm512_fmadd_ps(a, b, c); }
inline vdouble fma(vdouble a, vdouble b, vdouble c) { return _mm512_fmadd_pd(a, b, c); }
#elif defined(__AVX2__)
inline vfloat fma(vfloat a, vfloat b, vfloat c) { return _mm256_fmadd_ps(a, b, c); }
inline vdouble fma(vdouble a, vdouble b, vdouble c) { return _mm256_fmadd_pd(a, b, c); }
#elif defined(__x86_64__)
inline vfloat fma(vfloat a, vfloat b, vfloat c) { return a * b + c; }
inline vdouble fma(vdouble a, vdouble b, vdouble c) { return a * b + c; }
#else
inline vfloat fma(vfloat a, vfloat b, vfloat c) {
    return (vfloat)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
inline vdouble fma(vdouble a, vdouble b, vdouble c) {
    return (vdouble)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#endif

/// 1 / sqrt(x) of positive floats, to float precision.
inline vfloat rsqrt(vfloat x) {
#if defined(__AVX512F__)
    const vfloat guess =
        reinterpret_cast<vfloat>(_mm512_maskz_rsqrt14_ps(0xffff, reinterpret_cast<__m512>(x)));
    return guess * (broadcast(1.5f) - broadcast(0.5f) * x * guess * guess);
#elif defined(__AVX2__)
    return broadcast(1.f) / reinterpret_cast<vfloat>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
#elif defined(__x86_64__)
    return broadcast(1.f) / reinterpret_cast<vfloat>(_mm_sqrt_ps(reinterpret_cast<__m128>(x)));
#else
    return broadcast(1.f) / reinterpret_cast<vfloat>(vsqrtq_f32(reinterpret_cast<float32x4_t>(x)));
#endif
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
