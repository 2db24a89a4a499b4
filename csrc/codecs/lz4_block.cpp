// LZ4: sequences of a token, literals, and a match, which repeats what was written some bytes before.
//
// The idea. Far from the ends of both buffers runs are copied in steps of 8 and 16 bytes whatever their
// length: what is too much is overwritten next. Near the ends they are copied exactly. Every length is
// checked before it is used.
#include "codecs/lz4_block.h"

#include <cstring>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "repetitions are put together in a register");

namespace ptychoscope {

namespace {

constexpr std::size_t kLeastMatch = 4;
constexpr std::size_t kMargin = 32;  // bytes after a run that it may spoil, or read

/// Copies a step; both may overlap.
template <std::size_t bytes>
inline void copy_step(std::uint8_t* to, const std::uint8_t* from) {
    std::uint8_t step[bytes];
    std::memcpy(step, from, bytes);
    std::memcpy(to, step, bytes);
}

/// Adds up the bytes that a length of 15 in a token is followed by; false where they do not end.
inline bool add_length(const std::uint8_t*& in, const std::uint8_t* end, std::size_t& length) {
    std::uint8_t byte = 255;
    while (byte == 255) {
        if (in == end) return false;
        byte = *in++;
        length += byte;
    }
    return true;
}

/// Copies `count` bytes in steps; both sides have a margin.
inline void copy_steps(std::uint8_t* to, const std::uint8_t* from, std::size_t count) {
    copy_step<16>(to, from);
    for (std::size_t i = 16; i < count; i += 32) {
        copy_step<16>(to + i, from + i);
        copy_step<16>(to + i + 16, from + i + 16);
    }
}

/// Repeats the `count` bytes that begin `offset` before `to`, which has a margin; `offset` is below 8.
inline void repeat_few(std::uint8_t* to, std::size_t offset, std::size_t count) {
    if (offset == 1 && count > 2 * kMargin) {
        std::memset(to, to[-1], count);
        return;
    }
    // As many whole repetitions as 8 bytes hold, stored again and again: no store waits for another.
    constexpr std::uint8_t whole[8] = {0, 8, 8, 6, 8, 5, 6, 7};
    std::uint64_t step;
    std::memcpy(&step, to - offset, 8);
    step &= (std::uint64_t{1} << 8 * offset) - 1;
    step |= step << 8 * offset;
    if (offset < 4) step |= step << 16 * offset;
    if (offset < 2) step |= step << 32;
    const std::size_t by = whole[offset];
    for (std::size_t i = 0; i < 3; ++i) std::memcpy(to + i * by, &step, 8);
    for (std::size_t i = 3 * by; i < count; i += by) std::memcpy(to + i, &step, 8);
}

/// The same for any offset.
inline void repeat(std::uint8_t* to, std::size_t offset, std::size_t count) {
    const std::uint8_t* from = to - offset;
    if (offset >= 8 && count <= 16) {
        copy_step<8>(to, from);
        return copy_step<8>(to + 8, from + 8);
    }
    if (offset < 8) return repeat_few(to, offset, count);
    if (offset < 16) {
        for (std::size_t i = 0; i < 24; i += 8) copy_step<8>(to + i, from + i);
        if (count <= 24) return;
        to += offset, count -= offset, offset *= 2;
    }
    for (; offset < 64 && count > offset; offset *= 2) {  // what repeats gets twice as long: no step waits
        for (std::size_t i = 0; i < offset; i += 16) copy_step<16>(to + i, from + i);
        to += offset, count -= offset;
    }
    copy_steps(to, from, count);
}

/// The same without a margin.
inline void repeat_exactly(std::uint8_t* to, std::size_t offset, std::size_t count) {
    const std::uint8_t* from = to - offset;
    if (offset == 1) {
        std::memset(to, *from, count);
        return;
    }
    for (; offset < 16 && count >= 16; offset *= 2) {  // what repeats gets twice as long
        copy_step<16>(to, from);
        to += offset, count -= offset;
    }
    for (; count >= 16; count -= 16) {
        copy_step<16>(to, from);
        to += 16, from += 16;
    }
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}

}  // namespace

bool decode_lz4_block(const std::uint8_t* in, std::size_t in_bytes, std::uint8_t* out,
                      std::size_t out_bytes) {
    const std::uint8_t* const in_end = in + in_bytes;
    std::uint8_t* const begin = out;
    std::uint8_t* const out_end = out + out_bytes;
    const auto left = [&] { return static_cast<std::size_t>(in_end - in); };
    const auto room = [&] { return static_cast<std::size_t>(out_end - out); };
    while (in != in_end) {
        const unsigned token = *in++;
        std::size_t literals = token >> 4, length = token & 15;
        if (literals == 15 && !add_length(in, in_end, literals)) return false;
        if (literals + kMargin <= left() && literals + kMargin <= room()) {
            copy_steps(out, in, literals);
        } else {
            if (literals > left() || literals > room()) return false;
            if (literals > 0) std::memcpy(out, in, literals);
        }
        in += literals, out += literals;
        if (in == in_end) return out == out_end;  // the last sequence has no match
        if (left() < 2) return false;
        const std::size_t offset = in[0] | static_cast<std::size_t>(in[1]) << 8;
        in += 2;
        if (offset == 0 || offset > static_cast<std::size_t>(out - begin)) return false;
        if (length == 15 && !add_length(in, in_end, length)) return false;
        length += kLeastMatch;
        if (length + kMargin <= room()) {
            repeat(out, offset, length);
        } else {
            if (length > room()) return false;
            repeat_exactly(out, offset, length);
        }
        out += length;
    }
    return false;
}

}  // namespace ptychoscope
