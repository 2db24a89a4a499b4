#include "ptychoscope/cpu_features.h"

#include <cstdlib>
#include <stdexcept>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ptychoscope {

#if defined(__x86_64__)
namespace {

/// Conversion of float16, which __builtin_cpu_supports() of older compilers does not know. That the system
/// keeps the registers it needs is asked for together with AVX2.
bool has_f16c() {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace
#endif

const char* isa_name(Isa isa) {
    switch (isa) {
        case Isa::sse41:
            return "sse41";
        case Isa::avx2:
            return "avx2";
        case Isa::avx512:
            return "avx512";
        case Isa::neon:
            return "neon";
    }
    return "unknown";
}

std::vector<Isa> available_isas() {
#if defined(__x86_64__)
    std::vector<Isa> isas;
    if (__builtin_cpu_supports("sse4.1")) isas.push_back(Isa::sse41);
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    if (avx2) isas.push_back(Isa::avx2);
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        isas.push_back(Isa::avx512);
    return isas;
#else
    return {Isa::neon};
#endif
}

Isa active_isa() {
    const std::vector<Isa> isas = available_isas();
    if (isas.empty())
        throw std::runtime_error("this processor has no SSE4.1, the least that Ptychoscope needs");
    const char* wanted = std::getenv("PTYCHOSCOPE_ISA");
    if (wanted == nullptr || *wanted == '\0') return isas.back();
    std::string known;
    for (Isa isa : isas) {
        if (std::string(wanted) == isa_name(isa)) return isa;
        known += std::string(known.empty() ? "" : ", ") + isa_name(isa);
    }
    throw std::invalid_argument("PTYCHOSCOPE_ISA is \"" + std::string(wanted) +
                                "\"; this machine runs: " + known);
}

}  // namespace ptychoscope
