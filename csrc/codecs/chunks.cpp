#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "codecs/bitshuffle_kernel.h"
#include "codecs/lz4_block.h"
#include "cpu/dispatch.h"
#include "cpu/thread_pool.h"
#include "ptychoscope/codecs.h"

namespace ptychoscope {

PTYCHOSCOPE_DISPATCH(bitshuffle_kernel, BitshuffleKernels, bitshuffle_kernels)

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kDefaultBlock = 8192;  // bytes
constexpr std::uint64_t kRow = 8;            // elements in a byte of a row of bits

/// What is left of a chunk.
struct Reader {
    const std::uint8_t* at;
    std::size_t left;

    const std::uint8_t* take(std::size_t bytes) {
        const std::uint8_t* taken = at;
        at += bytes, left -= bytes;
        return taken;
    }
    std::uint64_t big_endian(std::size_t bytes) {
        const std::uint8_t* from = take(bytes);
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | from[i];
        return value;
    }
};

// Each returns what is wrong with the chunk, nullptr when nothing is.
const char* const kTooShort = "it ends too early";
const char* const kTooLong = "it holds more than a chunk";
const char* const kOtherSize = "it says that it holds another number of bytes";
const char* const kDamaged = "a block is damaged";

/// The header that HDF5's filters write: leaves the size of a block in bytes.
const char* read_header(Reader& in, std::size_t out_bytes, std::uint64_t& block) {
    if (in.left < 12) return kTooShort;
    if (in.big_endian(8) != out_bytes) return kOtherSize;
    block = in.big_endian(4);
    return nullptr;
}

const char* decode_lz4(Reader in, std::uint8_t* out, std::size_t out_bytes) {
    std::uint64_t block = 0;
    if (const char* wrong = read_header(in, out_bytes, block)) return wrong;
    if (block == 0 && out_bytes > 0) return "its blocks are empty";
    for (std::size_t done = 0; done < out_bytes;) {
        const std::size_t size = std::min<std::uint64_t>(block, out_bytes - done);
        if (in.left < 4) return kTooShort;
        const std::size_t stored = in.big_endian(4);
        if (stored > in.left) return kTooShort;
        const std::uint8_t* from = in.take(stored);
        if (stored == size)
            std::memcpy(out + done, from, size);
        else if (!decode_lz4_block(from, stored, out + done, size))
            return kDamaged;
        done += size;
    }
    return in.left == 0 ? nullptr : kTooLong;
}

const char* decode_bitshuffle(Reader in, Codec codec, std::size_t element, std::uint8_t* out,
                              std::size_t out_bytes, Bytes& scratch) {
    std::uint64_t block = 0;
    if (codec == Codec::bslz4)
        if (const char* wrong = read_header(in, out_bytes, block)) return wrong;
    if (block == 0) block = kDefaultBlock / element / kRow * kRow * element;
    if (block % (kRow * element) != 0) return "its blocks are not of 8 elements each, or a multiple";
    const auto unshuffle = bitshuffle_kernels(active_isa()).unshuffle;
    const std::size_t tail = out_bytes % (kRow * element);
    for (std::size_t done = 0; done < out_bytes - tail;) {
        const std::size_t size = std::min<std::uint64_t>(block, out_bytes - tail - done);
        if (in.left < 4) return kTooShort;
        const std::size_t stored = in.big_endian(4);
        if (stored > in.left) return kTooShort;
        if (scratch.size() < size) scratch.resize(size);
        if (!decode_lz4_block(in.take(stored), stored, scratch.data(), size)) return kDamaged;
        unshuffle(scratch.data(), size / element, static_cast<int>(element), out + done);
        done += size;
    }
    if (in.left < tail) return kTooShort;
    if (tail > 0) std::memcpy(out + out_bytes - tail, in.take(tail), tail);
    return in.left == 0 ? nullptr : kTooLong;
}

const char* decode(const Chunk& chunk, Codec codec, std::size_t element, std::uint8_t* out,
                   std::size_t out_bytes, Bytes& scratch) {
    const Reader in = {static_cast<const std::uint8_t*>(chunk.data), chunk.bytes};
    if (codec == Codec::lz4) return decode_lz4(in, out, out_bytes);
    if (codec == Codec::lz4_block)
        return decode_lz4_block(in.at, in.left, out, out_bytes) ? nullptr : kDamaged;
    return decode_bitshuffle(in, codec, element, out, out_bytes, scratch);
}

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("decode_chunks: " + message);
}

}  // namespace

void decode_chunks(const Chunk* chunks, std::int64_t count, Codec codec, int element_bytes, void* out,
                   std::size_t chunk_bytes, int threads) {
    require(count >= 0, "the number of chunks is negative");
    require(element_bytes >= 1 && element_bytes <= 8,
            "element_bytes must be from 1 to 8, got " + std::to_string(element_bytes));
    require(chunk_bytes % static_cast<std::size_t>(element_bytes) == 0,
            "a chunk of " + std::to_string(chunk_bytes) + " bytes is no whole number of elements");
    ThreadPool pool(threads);
    const std::int64_t parts = std::min<std::int64_t>(count, 4 * threads);
    std::vector<const char*> wrong(static_cast<std::size_t>(count), nullptr);
    pool.run(static_cast<int>(parts), [&](int part) {
        Bytes scratch;
        for (std::int64_t k = part * count / parts; k < (part + 1) * count / parts; ++k) {
            std::uint8_t* to = static_cast<std::uint8_t*>(out) + static_cast<std::size_t>(k) * chunk_bytes;
            wrong[static_cast<std::size_t>(k)] =
                decode(chunks[k], codec, static_cast<std::size_t>(element_bytes), to, chunk_bytes, scratch);
        }
    });
    for (std::int64_t k = 0; k < count; ++k)
        if (const char* reason = wrong[static_cast<std::size_t>(k)])
            throw std::invalid_argument("chunk " + std::to_string(k) + " is damaged: " + reason);
}

}  // namespace ptychoscope
