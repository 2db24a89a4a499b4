// One LZ4 block. Internal.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ptychoscope {

/// Decodes the block in [in, in + in_bytes) to exactly `out_bytes` bytes at `out`; false when it is no block,
/// or is one of another size. Reads and writes nothing beyond.
bool decode_lz4_block(const std::uint8_t* in, std::size_t in_bytes, std::uint8_t* out, std::size_t out_bytes);

}  // namespace ptychoscope
