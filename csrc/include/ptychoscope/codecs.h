// Compressed chunks as detectors send and HDF5 files hold them: LZ4, and bitshuffle with LZ4.
//
// Definition. An LZ4 block is what lz4_Block_format.md of the LZ4 project describes. Bitshuffle writes n
// elements of e bytes, n a multiple of 8, as 8 e rows of n / 8 bytes: bit i % 8 of byte i / 8 in row r is bit
// r % 8 of byte r / 8 of element i. The codecs differ by what is written around such blocks:
//
//  lz4_block      one LZ4 block and nothing else (`lz4<` of DECTRIS' first stream, `lz4` of areaDetector)
//  lz4            HDF5 filter 32004: 8 bytes of the size and 4 of the block size, big-endian; then blocks,
//                 each after 4 bytes of its compressed size; one whose sizes are equal is stored as it is
//  bslz4          HDF5 filter 32008: the same 12 bytes (a block size of 0 is 8192 bytes); then blocks of
//                 bitshuffled elements, each after 4 bytes; last, the n % 8 elements that fill no row, as
//                 they are
//  bslz4_blocks   the same without the 12 bytes (`bslz4` of areaDetector)
//
// Hostile input. The caller knows how large a chunk must be. A chunk that says otherwise, that ends too early
// or too late, or points outside of what was decoded is refused. Nothing is read outside of the input,
// nothing written outside of the output, and no more memory is taken than a chunk's size.
//
// Threads. Nothing is kept between calls: they may come from several threads at once.
// Errors. decode_chunks throws std::invalid_argument, which names the chunk and what is wrong with it or what
// an argument cannot be, and std::bad_alloc. The output of a chunk that was refused is undefined.
// ABI: none across minor versions, see version.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ptychoscope/export.h"

namespace ptychoscope {

enum class Codec { lz4_block, lz4, bslz4, bslz4_blocks };

struct Chunk {
    const void* data;
    std::size_t bytes;
};

/// Decodes `count` chunks of `chunk_bytes` each, one after the other, into `out`. `element_bytes`, 1 to 8, is
/// what bitshuffle shuffled; chunk_bytes must be a multiple of it. `threads` from 1 to 256 share the chunks.
PTYCHOSCOPE_API void decode_chunks(const Chunk* chunks, std::int64_t count, Codec codec, int element_bytes,
                                   void* out, std::size_t chunk_bytes, int threads);

}  // namespace ptychoscope
