// Choosing the kernels of an instruction set at run time.
//
// A kernel's source, stitch_kernel.cpp for one, is compiled once per instruction set, each time with its
// flags and into a namespace of its own, stitch_kernel_avx2 for one (PTYCHOSCOPE_KERNEL, see
// ptychoscope_add_kernel in CMakeLists.txt), and ends in one table of functions. Not even two kernels share a
// namespace: a function that both have would be linked once, with the flags of either.
#pragma once

#include <stdexcept>
#include <string>

#include "ptychoscope/cpu_features.h"

namespace ptychoscope {

[[noreturn]] inline void throw_no_kernels(Isa isa) {
    throw std::invalid_argument(std::string("this build has no kernels for ") + isa_name(isa));
}

}  // namespace ptychoscope

#define PTYCHOSCOPE_DECLARE_TABLE(kernel, isa, Table, table) \
    namespace kernel##_##isa {                               \
        extern const Table table;                            \
    }

/// Where it stands, in namespace ptychoscope, defines `const Table& table(Isa)`, which picks among the tables
/// of that name of all compilations of `kernel`.
#if defined(__x86_64__)
#define PTYCHOSCOPE_DISPATCH(kernel, Table, table)             \
    PTYCHOSCOPE_DECLARE_TABLE(kernel, sse41, Table, table)     \
    PTYCHOSCOPE_DECLARE_TABLE(kernel, avx2, Table, table)      \
    PTYCHOSCOPE_DECLARE_TABLE(kernel, avx512, Table, table)    \
    const Table& table(Isa isa) {                              \
        if (isa == Isa::sse41) return kernel##_sse41::table;   \
        if (isa == Isa::avx2) return kernel##_avx2::table;     \
        if (isa == Isa::avx512) return kernel##_avx512::table; \
        throw_no_kernels(isa);                                 \
    }
#else
#define PTYCHOSCOPE_DISPATCH(kernel, Table, table)         \
    PTYCHOSCOPE_DECLARE_TABLE(kernel, neon, Table, table)  \
    const Table& table(Isa isa) {                          \
        if (isa == Isa::neon) return kernel##_neon::table; \
        throw_no_kernels(isa);                             \
    }
#endif
