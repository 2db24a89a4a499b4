// What bitshuffle asks of an instruction set. Internal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ptychoscope/cpu_features.h"

namespace ptychoscope {

struct BitshuffleKernels {
    /// `elements` elements of `bytes` (1 to 8) bytes from their rows of bits; `elements` is a multiple of 8.
    void (*unshuffle)(const std::uint8_t* rows, std::size_t elements, int bytes, std::uint8_t* out);
};

const BitshuffleKernels& bitshuffle_kernels(Isa isa);

}  // namespace ptychoscope
