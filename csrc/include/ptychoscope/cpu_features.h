// Which instruction set the kernels run with.
//
// Threads. May be called from any; nobody may change the environment meanwhile (setenv).
// ABI: none across minor versions, see version.h.
#pragma once

#include <string>
#include <vector>

#include "ptychoscope/export.h"

namespace ptychoscope {

enum class Isa { sse41, avx2, avx512, neon };

/// The name used in results, in tests and by the environment variable PTYCHOSCOPE_ISA.
PTYCHOSCOPE_API const char* isa_name(Isa isa);

/// Instruction sets that this build has and this processor runs, widest last.
PTYCHOSCOPE_API std::vector<Isa> available_isas();

/// The widest available instruction set, or the one named by PTYCHOSCOPE_ISA (read at every call).
/// Throws std::invalid_argument when the variable names one that is unknown or not available, and
/// std::runtime_error on a processor that has none.
PTYCHOSCOPE_API Isa active_isa();

}  // namespace ptychoscope
