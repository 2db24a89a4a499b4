// Bits back to their elements.
//
// The idea. Eight rows belong to one byte of the elements; a column of them, eight bytes, holds the bits of
// that byte in eight elements: a matrix of 8 x 8 bits, which is transposed in three exchanges. Interleaving
// rows brings the columns of 16 bytes of each row together, in every 128 bits of a vector by itself; after
// the exchanges, the bytes of elements of 2 and 4 are interleaved in the same way.
#include "codecs/bitshuffle_kernel.h"

#include "cpu/simd.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

namespace {

constexpr int kLane = 16;                                          // bytes that interleave
constexpr int kVector = kLanes * static_cast<int>(sizeof(float));  // bytes
typedef uint64_t vbits __attribute__((vector_size(kVector)));

/// Elements of a and b in turn, from the low or the high half of every lane.
template <int bytes, bool high>
vbits pairs(vbits a, vbits b) {
#if defined(__x86_64__)
    typedef long long integers __attribute__((vector_size(kVector), may_alias));  // as the compiler's __m...i
    const auto x = (integers)a, y = (integers)b;
#endif
#if defined(__AVX512F__)
    if constexpr (bytes == 1) return (vbits)(high ? _mm512_unpackhi_epi8(x, y) : _mm512_unpacklo_epi8(x, y));
    if constexpr (bytes == 2)
        return (vbits)(high ? _mm512_unpackhi_epi16(x, y) : _mm512_unpacklo_epi16(x, y));
    if constexpr (bytes == 4)
        return (vbits)(high ? _mm512_maskz_unpackhi_epi32(0xffff, x, y)
                            : _mm512_maskz_unpacklo_epi32(0xffff, x, y));
#elif defined(__AVX2__)
    if constexpr (bytes == 1) return (vbits)(high ? _mm256_unpackhi_epi8(x, y) : _mm256_unpacklo_epi8(x, y));
    if constexpr (bytes == 2)
        return (vbits)(high ? _mm256_unpackhi_epi16(x, y) : _mm256_unpacklo_epi16(x, y));
    if constexpr (bytes == 4)
        return (vbits)(high ? _mm256_unpackhi_epi32(x, y) : _mm256_unpacklo_epi32(x, y));
#elif defined(__x86_64__)
    if constexpr (bytes == 1) return (vbits)(high ? _mm_unpackhi_epi8(x, y) : _mm_unpacklo_epi8(x, y));
    if constexpr (bytes == 2) return (vbits)(high ? _mm_unpackhi_epi16(x, y) : _mm_unpacklo_epi16(x, y));
    if constexpr (bytes == 4) return (vbits)(high ? _mm_unpackhi_epi32(x, y) : _mm_unpacklo_epi32(x, y));
#else
    if constexpr (bytes == 1) {
        const auto x = (uint8x16_t)a, y = (uint8x16_t)b;
        return (vbits)(high ? vzip2q_u8(x, y) : vzip1q_u8(x, y));
    }
    if constexpr (bytes == 2) {
        const auto x = (uint16x8_t)a, y = (uint16x8_t)b;
        return (vbits)(high ? vzip2q_u16(x, y) : vzip1q_u16(x, y));
    }
    if constexpr (bytes == 4) {
        const auto x = (uint32x4_t)a, y = (uint32x4_t)b;
        return (vbits)(high ? vzip2q_u32(x, y) : vzip1q_u32(x, y));
    }
#endif
}

template <int bytes>
vbits low_pairs(vbits a, vbits b) {
    return pairs<bytes, false>(a, b);
}

template <int bytes>
vbits high_pairs(vbits a, vbits b) {
    return pairs<bytes, true>(a, b);
}

/// Matrices of 8 x 8 bits, one in 64 bits, transposed (Warren, Hacker's Delight, 7-3).
template <class Bits>
Bits transposed(Bits x) {
    const auto exchange = [&x](int by, uint64_t which) {
        const Bits t = (x ^ (x >> by)) & which;
        x = x ^ t ^ (t << by);
    };
    exchange(7, 0x00aa00aa00aa00aaull);
    exchange(14, 0x0000cccc0000ccccull);
    exchange(28, 0x00000000f0f0f0f0ull);
    return x;
}

/// The eight rows of one byte of the elements, `pitch` apart, as the bytes of 16 columns in every lane: in
/// byte[k] those of columns 2 k and 2 k + 1.
void load_byte(const uint8_t* rows, std::size_t pitch, vbits* byte) {
    vbits row[8], pair[8], four[8];
    for (std::size_t r = 0; r < 8; ++r) row[r] = load_as<vbits>(rows + r * pitch);
    for (int r = 0; r < 4; ++r) {
        pair[r] = low_pairs<1>(row[2 * r], row[2 * r + 1]);       // columns 0 to 7
        pair[r + 4] = high_pairs<1>(row[2 * r], row[2 * r + 1]);  // columns 8 to 15
    }
    for (int half = 0; half < 2; ++half)
        for (int r = 0; r < 2; ++r) {
            four[4 * half + r] = low_pairs<2>(pair[4 * half + 2 * r], pair[4 * half + 2 * r + 1]);
            four[4 * half + 2 + r] = high_pairs<2>(pair[4 * half + 2 * r], pair[4 * half + 2 * r + 1]);
        }
    for (int quarter = 0; quarter < 4; ++quarter) {
        byte[2 * quarter] = transposed(low_pairs<4>(four[2 * quarter], four[2 * quarter + 1]));
        byte[2 * quarter + 1] = transposed(high_pairs<4>(four[2 * quarter], four[2 * quarter + 1]));
    }
}

/// The lanes of a vector, `lane_bytes` apart.
inline void store_lanes(vbits v, std::size_t lane_bytes, uint8_t* out) {
    for (int lane = 0; lane < kVector / kLane; ++lane)
        std::memcpy(out + static_cast<std::size_t>(lane) * lane_bytes,
                    reinterpret_cast<const char*>(&v) + lane * kLane, kLane);
}

/// Columns of a vector's width, as the 8 elements of each.
template <int bytes>
void unshuffle_vector(const uint8_t* rows, std::size_t pitch, uint8_t* out) {
    constexpr std::size_t lane_bytes = kLane * 8 * bytes;
    vbits byte[bytes][8];
    for (std::size_t b = 0; b < bytes; ++b) load_byte(rows + 8 * b * pitch, pitch, byte[b]);
    for (std::size_t k = 0; k < 8; ++k) {
        uint8_t* to = out + k * kLane * bytes;
        if constexpr (bytes == 1) {
            store_lanes(byte[0][k], lane_bytes, to);
        } else if constexpr (bytes == 2) {
            store_lanes(low_pairs<1>(byte[0][k], byte[1][k]), lane_bytes, to);
            store_lanes(high_pairs<1>(byte[0][k], byte[1][k]), lane_bytes, to + kLane);
        } else {
            const vbits lower0 = low_pairs<1>(byte[0][k], byte[1][k]);
            const vbits lower1 = high_pairs<1>(byte[0][k], byte[1][k]);
            const vbits upper0 = low_pairs<1>(byte[2][k], byte[3][k]);
            const vbits upper1 = high_pairs<1>(byte[2][k], byte[3][k]);
            store_lanes(low_pairs<2>(lower0, upper0), lane_bytes, to);
            store_lanes(high_pairs<2>(lower0, upper0), lane_bytes, to + kLane);
            store_lanes(low_pairs<2>(lower1, upper1), lane_bytes, to + 2 * kLane);
            store_lanes(high_pairs<2>(lower1, upper1), lane_bytes, to + 3 * kLane);
        }
    }
}

/// One column, the bits of 8 elements.
void unshuffle_column(const uint8_t* rows, std::size_t pitch, std::size_t bytes, uint8_t* out) {
    for (std::size_t b = 0; b < bytes; ++b) {
        uint64_t column = 0;
        for (std::size_t r = 0; r < 8; ++r)
            column |= static_cast<uint64_t>(rows[(8 * b + r) * pitch]) << (8 * r);
        column = transposed(column);
        for (std::size_t i = 0; i < 8; ++i) out[i * bytes + b] = static_cast<uint8_t>(column >> (8 * i));
    }
}

void unshuffle(const uint8_t* rows, std::size_t elements, int bytes, uint8_t* out) {
    const std::size_t pitch = elements / 8, size = static_cast<std::size_t>(bytes);
    std::size_t column = 0;
    if (bytes == 1 || bytes == 2 || bytes == 4)
        for (; column + kVector <= pitch; column += kVector) {
            uint8_t* to = out + column * 8 * size;
            if (bytes == 1) unshuffle_vector<1>(rows + column, pitch, to);
            if (bytes == 2) unshuffle_vector<2>(rows + column, pitch, to);
            if (bytes == 4) unshuffle_vector<4>(rows + column, pitch, to);
        }
    for (; column < pitch; ++column) unshuffle_column(rows + column, pitch, size, out + column * 8 * size);
}

}  // namespace

extern const BitshuffleKernels bitshuffle_kernels;
const BitshuffleKernels bitshuffle_kernels = {unshuffle};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
