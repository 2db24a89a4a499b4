// One frame, row by row of the pattern.
//
// The idea. The rows of a bin are added up column by column, which vectors do well, then `bin` neighbours at
// a time. Which pixels the mask leaves is known beforehand, so that a row whose values are all good needs no
// counting; where one is not, the row is done again with a count beside each sum. 8 and 16 bits add up in
// 32-bit integers (bin is at most 128), everything else in doubles: both exactly, for integers.
#include "preprocess/frame_kernel.h"

#include <type_traits>

#include "cpu/simd.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

namespace {

template <class T>
struct Pixel;

template <class T, class SumType>
struct UnsignedPixel {
    using Sum = SumType;
    T top;  ///< the largest value that is measured
    explicit UnsignedPixel(const ValueRules& rules) {
        const T largest = static_cast<T>(~T{0});
        top = rules.all_ones ? static_cast<T>(largest - (sizeof(T) == 4 ? 2 : 1)) : largest;
        if (rules.threshold <= static_cast<double>(top)) {  // values from the threshold on
            const T whole = static_cast<T>(rules.threshold);
            top = static_cast<double>(whole) < rules.threshold ? whole : static_cast<T>(whole - 1);
        }
    }
    T value(T v) const { return v; }
    bool measured(T, T v) const { return v <= top; }
};

template <>
struct Pixel<uint8_t> : UnsignedPixel<uint8_t, int32_t> {
    using UnsignedPixel::UnsignedPixel;
};
template <>
struct Pixel<uint16_t> : UnsignedPixel<uint16_t, int32_t> {
    using UnsignedPixel::UnsignedPixel;
};
template <>
struct Pixel<uint32_t> : UnsignedPixel<uint32_t, double> {
    using UnsignedPixel::UnsignedPixel;
};

template <>
struct Pixel<int32_t> {
    using Sum = double;
    double threshold;
    int32_t keep, add;  ///< of a negative value v: (v & keep) + add
    explicit Pixel(const ValueRules& rules)
        : threshold(rules.threshold),
          keep(rules.negative == NegativeValues::zero ? 0 : -1),
          add(rules.negative == NegativeValues::unwrap ? 65536 : 0) {}
    int32_t value(int32_t v) const { return v < 0 ? (v & keep) + add : v; }
    bool measured(int32_t, int32_t v) const { return (v >= 0) & (static_cast<double>(v) < threshold); }
};

template <>
struct Pixel<float> {
    using Sum = double;
    float threshold, scale, add;
    explicit Pixel(const ValueRules& rules)
        : threshold(static_cast<float>(rules.threshold)),
          scale(rules.negative == NegativeValues::zero ? 0.f : 1.f),
          add(rules.negative == NegativeValues::unwrap ? 65536.f : 0.f) {
        // The least float that is not below the threshold: what is below one is below the other.
        if (static_cast<double>(threshold) < rules.threshold) {
            uint32_t bits;
            std::memcpy(&bits, &threshold, sizeof bits);
            ++bits;
            std::memcpy(&threshold, &bits, sizeof bits);
        }
    }
    float value(float v) const { return v < 0.f ? v * scale + add : v; }
    bool measured(float raw, float v) const {
        return (raw >= -3.402823466e38f) & (v >= 0.f) & (v < threshold);
    }
};

/// What values, or their squares, are added up in.
template <class T, bool square>
using SumOf = std::conditional_t<square, double, typename Pixel<T>::Sum>;

/// Adds a row of the frame to `sums`, without what the mask hides; returns whether anything else in it is
/// unmeasured.
template <class T, bool masked, bool square>
bool add_run(const Pixel<T>& pixel, const T* from, const uint8_t* good, int64_t count,
             SumOf<T, square>* __restrict sums) {
    using Sum = SumOf<T, square>;
    if constexpr (!square && sizeof(T) < sizeof(int32_t)) {  // one comparison for all: that of the largest
        T largest = 0;
        for (int64_t i = 0; i < count; ++i) {
            const T v =
                masked ? static_cast<T>(from[i] & static_cast<T>(static_cast<int8_t>(good[i]))) : from[i];
            largest = v > largest ? v : largest;
            sums[i] += v;
        }
        return largest > pixel.top;
    } else {
        int32_t unmeasured = 0;
        for (int64_t i = 0; i < count; ++i) {
            const T v = pixel.value(from[i]);
            const int32_t left = masked ? static_cast<int8_t>(good[i]) : -1;
            unmeasured |= pixel.measured(from[i], v) ? 0 : left;
            const Sum s = square ? static_cast<Sum>(v) * static_cast<Sum>(v) : static_cast<Sum>(v);
            sums[i] += left ? s : Sum{0};
        }
        return unmeasured != 0;
    }
}

/// Adds a row of the frame to `sums`, and to `counts` how many of its pixels are measured.
template <class T, bool square>
void count_run(const Pixel<T>& pixel, const T* from, const uint8_t* good, int64_t count,
               SumOf<T, square>* __restrict sums, int32_t* __restrict counts) {
    using Sum = SumOf<T, square>;
    for (int64_t i = 0; i < count; ++i) {
        const T v = pixel.value(from[i]);
        const int32_t kept = pixel.measured(from[i], v) ? good[i] & 1 : 0;
        const Sum s = square ? static_cast<Sum>(v) * static_cast<Sum>(v) : static_cast<Sum>(v);
        sums[i] += kept ? s : Sum{0};
        counts[i] += kept;
    }
}

template <class T, bool counting, bool square>
bool add_rows(const FrameLayout& at, const Pixel<T>& pixel, const T* frame, int64_t pattern_row,
              SumOf<T, square>* sums, int32_t* counts) {
    const int64_t wide = at.side * at.bin;
    for (int64_t i = 0; i < wide; ++i) sums[i] = 0;
    if (counting)
        for (int64_t i = 0; i < wide; ++i) counts[i] = 0;
    bool unmeasured = false;
    for (int64_t r = pattern_row * at.bin; r < (pattern_row + 1) * at.bin; ++r) {
        if (at.rows[r] < 0) continue;
        for (int k = 0; k < at.run_count; ++k) {
            const ColumnRun& run = at.runs[k];
            const T* from = frame + at.rows[r] + run.frame;
            const uint8_t* good = at.good + r * wide + run.window;
            SumOf<T, square>* to = sums + run.window;
            if (counting)
                count_run<T, square>(pixel, from, good, run.count, to, counts + run.window);
            else if (at.row_bad[r])
                unmeasured |= add_run<T, true, square>(pixel, from, good, run.count, to);
            else
                unmeasured |= add_run<T, false, square>(pixel, from, good, run.count, to);
        }
    }
    return unmeasured;
}

/// (side) sums over `bin` neighbours each, in place.
template <int known, class Sum>
void add_neighbours(Sum* values, int64_t side, int64_t bin) {
    const int64_t n = known ? known : bin;
    for (int64_t j = 0; j < side; ++j) {
        Sum sum = values[j * n];
        for (int64_t k = 1; k < n; ++k) sum += values[j * n + k];
        values[j] = sum;
    }
}

template <class Sum>
void add_neighbours(Sum* values, int64_t side, int64_t bin) {
    if (bin == 2)
        add_neighbours<2>(values, side, bin);
    else if (bin == 4)
        add_neighbours<4>(values, side, bin);
    else if (bin > 1)
        add_neighbours<0>(values, side, bin);
}

inline vfloat square_root(vfloat x) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif defined(__AVX2__)
    return (vfloat)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
    return (vfloat)_mm_sqrt_ps((__m128)x);
#else
    return (vfloat)vsqrtq_f32((float32x4_t)x);
#endif
}

/// Sums in `line` times their weights, its root where asked for, -1 where there is none.
inline vfloat finished(vfloat sums, vfloat weights, bool root) {
    const vfloat x = sums * weights;
    const vint kept = (weights > vfloat{}) & (x <= broadcast(3.402823466e38f));
    return kept ? (root ? square_root(x) : x) : broadcast(-1.f);
}

void finish(float* line, const float* weights, int64_t side, bool root) {
    int64_t j = 0;
    for (; j + kLanes <= side; j += kLanes)
        store(line + j, finished(load(line + j), load(weights + j), root));
    if (j == side) return;
    float sum[kLanes] = {}, weight[kLanes] = {};
    for (int64_t l = 0; j + l < side; ++l) sum[l] = line[j + l], weight[l] = weights[j + l];
    store(sum, finished(load(sum), load(weight), root));
    for (int64_t l = 0; j + l < side; ++l) line[j + l] = sum[l];
}

template <class T, bool square>
void process(const FrameLayout& at, const ValueRules& rules, const T* frame, const RowScratch& scratch,
             float* out) {
    using Sum = SumOf<T, square>;
    const Pixel<T> pixel(rules);
    Sum* sums = reinterpret_cast<Sum*>(scratch.sums);
    for (int64_t i = 0; i < at.side; ++i) {
        const float* weights = at.weights + i * at.side;
        float* line = at.rows_stay_rows ? out + at.to_row[i] : scratch.line;
        if (add_rows<T, false, square>(at, pixel, frame, i, sums, scratch.counts)) {
            add_rows<T, true, square>(at, pixel, frame, i, sums, scratch.counts);
            add_neighbours(scratch.counts, at.side, at.bin);
            for (int64_t j = 0; j < at.side; ++j) scratch.weights[j] = at.weight_of[scratch.counts[j]];
            weights = scratch.weights;
        }
        add_neighbours(sums, at.side, at.bin);
        for (int64_t j = 0; j < at.side; ++j) line[j] = static_cast<float>(sums[j]);
        finish(line, weights, at.side, rules.root);
        if (!at.rows_stay_rows)
            for (int64_t j = 0; j < at.side; ++j) out[at.to_row[i] + at.to_column[j]] = line[j];
    }
}

template <class T>
void frame_of(const FrameLayout& at, const ValueRules& rules, const void* frame, const RowScratch& scratch,
              float* out) {
    if (rules.square)
        process<T, true>(at, rules, static_cast<const T*>(frame), scratch, out);
    else
        process<T, false>(at, rules, static_cast<const T*>(frame), scratch, out);
}

}  // namespace

extern const FrameKernels frame_kernels;
const FrameKernels frame_kernels = {frame_of<uint8_t>, frame_of<uint16_t>, frame_of<uint32_t>,
                                    frame_of<int32_t>, frame_of<float>};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
