// Chunks of every codec, whole and spoilt: `codecs_test [mutations]`. Inputs and outputs end where their
// memory ends, so that AddressSanitizer sees every byte too many.
#include "ptychoscope/codecs.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "check.h"

using namespace ptychoscope;
using Bytes = std::vector<std::uint8_t>;

namespace {

void append_length(Bytes& out, std::size_t n) {
    for (n -= 15; n >= 255; n -= 255) out.push_back(255);
    out.push_back(static_cast<std::uint8_t>(n));
}

/// An LZ4 block that any decoder reads, of sequences as they come: literals up to a match nearby.
Bytes lz4_block(const Bytes& raw) {
    Bytes out;
    std::size_t at = 0, literals = 0;
    while (at < raw.size()) {
        std::size_t best = 0, offset = 0;
        for (std::size_t back = 1; back <= std::min<std::size_t>(at, 70); ++back) {
            std::size_t n = 0;
            while (at + n + 12 < raw.size() && raw[at + n] == raw[at + n - back]) ++n;
            if (n > best) best = n, offset = back;
        }
        if (best < 4) {
            ++at, ++literals;
            continue;
        }
        out.push_back(static_cast<std::uint8_t>(std::min<std::size_t>(literals, 15) << 4 |
                                                std::min<std::size_t>(best - 4, 15)));
        if (literals >= 15) append_length(out, literals);
        out.insert(out.end(), raw.begin() + static_cast<std::ptrdiff_t>(at - literals),
                   raw.begin() + static_cast<std::ptrdiff_t>(at));
        out.push_back(static_cast<std::uint8_t>(offset)), out.push_back(0);
        if (best - 4 >= 15) append_length(out, best - 4);
        at += best, literals = 0;
    }
    out.push_back(static_cast<std::uint8_t>(std::min<std::size_t>(literals, 15) << 4));
    if (literals >= 15) append_length(out, literals);
    out.insert(out.end(), raw.end() - static_cast<std::ptrdiff_t>(literals), raw.end());
    return out;
}

/// Row r of bits, bit i: bit r % 8 of byte r / 8 of element i.
Bytes bitshuffled(const Bytes& raw, std::size_t element) {
    const std::size_t n = raw.size() / element;
    Bytes out(raw.size(), 0);
    for (std::size_t r = 0; r < 8 * element; ++r)
        for (std::size_t i = 0; i < n; ++i)
            out[r * (n / 8) + i / 8] |=
                static_cast<std::uint8_t>((raw[i * element + r / 8] >> r % 8 & 1) << i % 8);
    return out;
}

void append_big_endian(Bytes& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

Bytes encode(const Bytes& raw, Codec codec, std::size_t element, std::size_t block) {
    if (codec == Codec::lz4_block) return lz4_block(raw);
    Bytes out;
    if (codec != Codec::bslz4_blocks) append_big_endian(out, raw.size(), 8), append_big_endian(out, block, 4);
    const bool shuffle = codec != Codec::lz4;
    if (codec == Codec::bslz4_blocks || block == 0) block = 8192 / element / 8 * 8 * element;
    const std::size_t tail = shuffle ? raw.size() % (8 * element) : 0;
    for (std::size_t at = 0; at < raw.size() - tail; at += block) {
        const std::size_t n = std::min(block, raw.size() - tail - at);
        const auto first = raw.begin() + static_cast<std::ptrdiff_t>(at);
        Bytes part(first, first + static_cast<std::ptrdiff_t>(n));
        Bytes stored = lz4_block(shuffle ? bitshuffled(part, element) : part);
        if (!shuffle && stored.size() >= n) stored = part;
        append_big_endian(out, stored.size(), 4);
        out.insert(out.end(), stored.begin(), stored.end());
    }
    out.insert(out.end(), raw.end() - static_cast<std::ptrdiff_t>(tail), raw.end());
    return out;
}

/// What a detector might send: zeros, runs, ramps, noise.
Bytes some_frame(Draw& draw, std::size_t bytes) {
    Bytes raw(bytes);
    const std::int64_t kind = draw.whole(0, 3), period = draw.whole(1, 40);
    for (std::size_t i = 0; i < bytes; ++i)
        raw[i] = static_cast<std::uint8_t>(kind == 0   ? 0
                                           : kind == 1 ? static_cast<std::int64_t>(i) % period
                                           : kind == 2 ? draw.whole(0, 255)
                                                       : (draw.whole(0, 15) == 0 ? draw.whole(0, 3) : 0));
    return raw;
}

struct Case {
    Codec codec;
    int element;
    Bytes raw, chunk;
};

Case some_case(Draw& draw) {
    const Codec codecs[] = {Codec::lz4_block, Codec::lz4, Codec::bslz4, Codec::bslz4_blocks};
    Case c;
    c.codec = codecs[draw.whole(0, 3)];
    c.element = static_cast<int>(draw.whole(1, 8));
    const std::size_t element = static_cast<std::size_t>(c.element);
    c.raw = some_frame(draw, static_cast<std::size_t>(draw.whole(0, 1500)) * element);
    c.chunk = encode(c.raw, c.codec, element, static_cast<std::size_t>(draw.whole(1, 90)) * 8 * element);
    return c;
}

/// Whether the chunk was taken; its memory ends where it does.
bool decodes(const Case& c, const Bytes& chunk, Bytes& out) {
    const auto held = std::make_unique<std::uint8_t[]>(chunk.size());
    std::copy(chunk.begin(), chunk.end(), held.get());
    const Chunk view = {held.get(), chunk.size()};
    try {
        decode_chunks(&view, 1, c.codec, c.element, out.data(), out.size(), 1);
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("chunk 0 is damaged") == 0);
        return false;
    }
    return true;
}

void whole_chunks_come_back() {
    Draw draw(1);
    for (int k = 0; k < 400; ++k) {
        const Case c = some_case(draw);
        Bytes out(c.raw.size(), 99);
        CHECK(decodes(c, c.chunk, out));
        CHECK(out == c.raw);
        Bytes longer(c.raw.size() + static_cast<std::size_t>(c.element));
        CHECK(!decodes(c, c.chunk, longer));
        for (std::size_t n = 0; n < c.chunk.size(); n += 1 + c.chunk.size() / 40)
            CHECK(!decodes(c, Bytes(c.chunk.begin(), c.chunk.begin() + static_cast<std::ptrdiff_t>(n)), out));
    }
}

void spoilt_chunks_do_no_harm(std::int64_t mutations) {
    Draw draw(2);
    for (std::int64_t k = 0; k < mutations;) {
        const Case c = some_case(draw);
        Bytes out(c.raw.size());
        for (int each = 0; each < 50 && !c.chunk.empty(); ++each, ++k) {
            Bytes chunk = c.chunk;
            for (std::int64_t changes = draw.whole(1, 4); changes > 0; --changes) {
                // Headers and lengths lie at the beginning: half of the changes go there.
                const std::int64_t last = static_cast<std::int64_t>(chunk.size()) - 1;
                const std::size_t at = static_cast<std::size_t>(
                    draw.coin() ? draw.whole(0, std::min<std::int64_t>(last, 20)) : draw.whole(0, last));
                chunk[at] =
                    static_cast<std::uint8_t>(draw.coin() ? draw.whole(0, 255) : 255 * draw.whole(0, 1));
            }
            decodes(c, chunk, out);
        }
    }
}

void threads_share_the_chunks() {
    Draw draw(3);
    const Bytes raw = some_frame(draw, 4096), chunk = encode(raw, Codec::bslz4, 2, 512);
    const std::vector<Chunk> chunks(37, Chunk{chunk.data(), chunk.size()});
    Bytes out(37 * raw.size());
    decode_chunks(chunks.data(), 37, Codec::bslz4, 2, out.data(), raw.size(), 3);
    for (std::size_t k = 0; k < 37; ++k)
        CHECK(std::equal(raw.begin(), raw.end(), out.begin() + static_cast<std::ptrdiff_t>(k * raw.size())));
}

}  // namespace

int main(int count, char** arguments) {
    const std::int64_t mutations = count > 1 ? std::atoll(arguments[1]) : 3000;
    on_every_isa(whole_chunks_come_back);
    on_every_isa([&] { spoilt_chunks_do_no_harm(mutations); });
    on_every_isa(threads_share_the_chunks);
}
