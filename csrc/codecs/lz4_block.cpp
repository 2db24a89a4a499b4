// LZ4: sequences of a token, literals, and a match, which repeats what was written some bytes before.
//
// The idea. Far from the ends of both buffers a short run is copied as 16 bytes whatever its length: what is
// too much is overwritten next. Near the ends, and for long runs, every length is checked and copied exactly.
#include "codecs/lz4_block.h"

#include <cstring>

namespace ptychoscope {

namespace {

constexpr std::size_t kStep = 16, kLeastMatch = 4;

/// Copies a step; both may overlap.
inline void copy_step(std::uint8_t* to, const std::uint8_t* from) {
    std::uint8_t step[kStep];
    std::memcpy(step, from, kStep);
    std::memcpy(to, step, kStep);
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

/// Repeats the `count` bytes that begin `offset` before `to`; nothing is written from `end` on.
inline void repeat(std::uint8_t* to, std::size_t offset, std::size_t count, const std::uint8_t* end) {
    const std::uint8_t* from = to - offset;
    if (offset == 1) {
        std::memset(to, *from, count);
        return;
    }
    for (; offset < kStep && count >= kStep; offset *= 2) {  // what repeats gets twice as long
        copy_step(to, from);
        to += offset, count -= offset;
    }
    for (; count >= kStep; count -= kStep) {
        copy_step(to, from);
        to += kStep, from += kStep;
    }
    if (offset >= kStep && static_cast<std::size_t>(end - to) >= kStep)
        copy_step(to, from);
    else
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}

}  // namespace

bool decode_lz4_block(const std::uint8_t* in, std::size_t in_bytes, std::uint8_t* out,
                      std::size_t out_bytes) {
    const std::uint8_t* const in_end = in + in_bytes;
    std::uint8_t* const begin = out;
    std::uint8_t* const out_end = out + out_bytes;
    while (in != in_end) {
        const unsigned token = *in++;
        std::size_t literals = token >> 4, length = token & 15;
        if (literals < 15 && static_cast<std::size_t>(in_end - in) >= kStep + 2 &&
            static_cast<std::size_t>(out_end - out) >= kStep) {
            copy_step(out, in);
        } else {
            if (literals == 15 && !add_length(in, in_end, literals)) return false;
            if (literals > static_cast<std::size_t>(in_end - in) ||
                literals > static_cast<std::size_t>(out_end - out))
                return false;
            if (literals > 0) std::memcpy(out, in, literals);
        }
        in += literals, out += literals;
        if (in == in_end) return out == out_end;  // the last sequence has no match
        if (in_end - in < 2) return false;
        const std::size_t offset = in[0] | static_cast<std::size_t>(in[1]) << 8;
        in += 2;
        if (offset == 0 || offset > static_cast<std::size_t>(out - begin)) return false;
        if (length == 15 && !add_length(in, in_end, length)) return false;
        length += kLeastMatch;
        const std::size_t room = static_cast<std::size_t>(out_end - out);
        if (length > room) return false;
        if (offset >= kStep && length <= 2 * kStep && room >= 2 * kStep) {
            copy_step(out, out - offset);
            copy_step(out + kStep, out + kStep - offset);
        } else {
            repeat(out, offset, length, out_end);
        }
        out += length;
    }
    return false;
}

}  // namespace ptychoscope
