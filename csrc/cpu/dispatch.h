// Choosing the kernels of an instruction set at run time.
//
// A kernel's source <name>_kernel.cpp is compiled once per instruction set, each time with its flags, into a
// namespace named after it (PTYCHOSCOPE_KERNEL_ISA, see ptychoscope_add_kernel in CMakeLists.txt), and ends
// in one table of functions. PTYCHOSCOPE_DISPATCH makes a function of such a table's name that picks one.
#pragma once

#include <stdexcept>
#include <string>

#include "ptychoscope/cpu_features.h"

namespace ptychoscope {

[[noreturn]] inline void throw_no_kernels(Isa isa) {
    throw std::invalid_argument(std::string("this build has no kernels for ") + isa_name(isa));
}

}  // namespace ptychoscope

/// Defines `const Table& name(Isa)` in namespace ptychoscope, where it stands.
#if defined(__x86_64__)
#define PTYCHOSCOPE_DISPATCH(Table, name)            \
    namespace sse41 {                                \
    extern const Table name;                         \
    }                                                \
    namespace avx2 {                                 \
    extern const Table name;                         \
    }                                                \
    namespace avx512 {                               \
    extern const Table name;                         \
    }                                                \
    const Table& name(Isa isa) {                     \
        if (isa == Isa::sse41) return sse41::name;   \
        if (isa == Isa::avx2) return avx2::name;     \
        if (isa == Isa::avx512) return avx512::name; \
        throw_no_kernels(isa);                       \
    }
#else
#define PTYCHOSCOPE_DISPATCH(Table, name)        \
    namespace neon {                             \
    extern const Table name;                     \
    }                                            \
    const Table& name(Isa isa) {                 \
        if (isa == Isa::neon) return neon::name; \
        throw_no_kernels(isa);                   \
    }
#endif
