// For code that nvcc compiles for a device and every compiler for the host.
//
// The idea. What one thread of a device does is an ordinary function of its position in the grid of threads.
// Marked PTYCHOSCOPE_HOST_DEVICE it runs on a device, and just as well in a loop on the host, where tests and
// sanitizers can watch it. Threads of one launch may run in any order and share only what they add to by the
// atomic operations below.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define PTYCHOSCOPE_HOST_DEVICE __host__ __device__ inline
#define PTYCHOSCOPE_UNROLL _Pragma("unroll")
#else
#define PTYCHOSCOPE_HOST_DEVICE inline
#define PTYCHOSCOPE_UNROLL
#endif

namespace ptychoscope {

/// Where a thread is: its block, and its position in the block.
struct Thread {
    std::int64_t block;
    int x, y;
};

/// A kernel of one thread per element, of which there are `work.threads()`: thread i does `work.at(i)`.
template <class Work>
struct EachElement {
    static constexpr int kColumns = Work::kBlock, kRows = 1;
    Work work;
    PTYCHOSCOPE_HOST_DEVICE void operator()(const Thread& t) const {
        const std::int64_t i = t.block * kColumns + t.x;
        if (i < work.threads()) work.at(i);
    }
};

template <class To, class From>
PTYCHOSCOPE_HOST_DEVICE To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

#if defined(__CUDA_ARCH__)

__device__ inline void atomic_add(float* to, float value) { atomicAdd(to, value); }
__device__ inline void atomic_add(double* to, double value) { atomicAdd(to, value); }
__device__ inline void atomic_add(std::int64_t* to, std::int64_t value) {
    atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}
/// Returns what was there before.
__device__ inline std::int32_t atomic_next(std::int32_t* counter) { return atomicAdd(counter, 1); }
__device__ inline void atomic_max(std::uint32_t* to, std::uint32_t value) { atomicMax(to, value); }
__device__ inline void atomic_max(std::uint64_t* to, std::uint64_t value) {
    atomicMax(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}

#else

/// Replaces *to by change(*to), as one step.
template <class Bits, class T, class Change>
inline void atomic_change(T* to, Change change) {
    Bits* bits = reinterpret_cast<Bits*>(to);
    Bits before = __atomic_load_n(bits, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(bits, &before, bits_as<Bits>(change(bits_as<T>(before))), false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}
inline void atomic_add(float* to, float value) {
    atomic_change<std::uint32_t>(to, [=](float before) { return before + value; });
}
inline void atomic_add(double* to, double value) {
    atomic_change<std::uint64_t>(to, [=](double before) { return before + value; });
}
inline void atomic_add(std::int64_t* to, std::int64_t value) {
    __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}
/// Returns what was there before.
inline std::int32_t atomic_next(std::int32_t* counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
template <class T>
void atomic_max(T* to, T value) {
    atomic_change<T>(to, [=](T before) { return before > value ? before : value; });
}

#endif

}  // namespace ptychoscope
