// The taps of an interpolation, as vectors.
#pragma once

#include "simd.h"

namespace ptychoscope::PTYCHOSCOPE_ISA_NS {

/// Weights of the taps of one axis.
template <int Taps>
struct Weights {
    vfloat w[Taps];
    explicit Weights(const float* from) {
        for (int t = 0; t < Taps; ++t) w[t] = broadcast(from[t]);
    }
};

}  // namespace ptychoscope::PTYCHOSCOPE_ISA_NS
