// Which instruction set the kernels run with.
#pragma once

#include <string>
#include <vector>

namespace ptychoscope {

enum class Isa { sse41, avx2, avx512, neon };

/// The name used in results, in tests and by the environment variable PTYCHOSCOPE_ISA.
const char* isa_name(Isa isa);

/// Instruction sets that this build has and this processor runs, widest last.
std::vector<Isa> available_isas();

/// The widest available instruction set, or the one named by PTYCHOSCOPE_ISA (read at every call).
/// Throws std::invalid_argument when the variable names one that is unknown or not available.
Isa active_isa();

}  // namespace ptychoscope
