// The three kinds of sums: how a weighted prediction is added at a pixel, and how the sums are read.
//
// float32, float64: plain sums of w re, w im and w. The spread cannot come from a sum of squares (the
// squares' rounding would drown it), so the second moment about the running mean is updated instead, in the
// form of Youngs and Cramer (1971), with T the sum of w g and W that of w before the patch:
//     M += w |W g - T|^2 / (W (W + w)).
// exact: w re, w im and w are rounded to multiples of a quantum q, a power of two, and added as 64-bit
// integers. Adding 1.5 * 2^52 q to a double leaves x / q in the low bits of its mantissa, rounded to nearest:
// one addition and one integer subtraction convert. Integer sums have no order, so the moment is simply that
// of |g|^2.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include "cpu/simd.h"
#include "stitch/stitch_kernel.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

inline vfloat at_least(vfloat v, float floor) { return v > floor ? v : broadcast(floor); }
inline vdouble at_least(vdouble v, double floor) { return v > floor ? v : broadcast(floor); }

/// Sums of T = float or double. Reading: mean, weight and spread of one pixel.
template <class T, class V>
struct FloatSums {
    T *re, *im, *weight, *moment;
    int64_t pitch;

    explicit FloatSums(const Sums& s)
        : re(static_cast<T*>(s.re)),
          im(static_cast<T*>(s.im)),
          weight(static_cast<T*>(s.weight)),
          moment(static_cast<T*>(s.moment)),
          pitch(s.pitch) {}

    template <Kept kept>
    void add_vector(int64_t i, V r, V m, V w) const {
        const V old_re = load(re + i), old_im = load(im + i);
        const V old_weight = kept == Kept::sum ? V{} : load(weight + i), new_weight = old_weight + w;
        if constexpr (kept == Kept::spread) {
            const V off_re = fma(old_weight, r, -old_re), off_im = fma(old_weight, m, -old_im);
            const V off = fma(off_re, off_re, off_im * off_im);
            const V scale = at_least(old_weight * new_weight, std::numeric_limits<T>::min());
            store(moment + i, fma(w, off / scale, load(moment + i)));
        }
        store(re + i, fma(w, r, old_re));
        store(im + i, fma(w, m, old_im));
        if constexpr (kept != Kept::sum) store(weight + i, new_weight);
    }

    void merge(int64_t i, const FloatSums& other, int64_t j) const {
        if (moment) merge_moment(i, other, j);
        re[i] += other.re[j];
        im[i] += other.im[j];
        if (weight) weight[i] += other.weight[j];
    }

    /// Chan, Golub and LeVeque (1979), for one pixel.
    void merge_moment(int64_t i, const FloatSums& other, int64_t j) const {
        const T a = weight[i], b = other.weight[j];
        if (b == 0) return;
        if (a > 0) {
            const T off_re = other.re[j] / b - re[i] / a, off_im = other.im[j] / b - im[i] / a;
            moment[i] += other.moment[j] + (off_re * off_re + off_im * off_im) * (a / (a + b) * b);
        } else {
            moment[i] = other.moment[j];
        }
    }

    /// Of the weighted values.
    std::complex<T> read_sum(int64_t i) const { return {re[i], im[i]}; }
    struct Pixel {
        T re, im, weight;
    };
    Pixel read(int64_t i) const {
        const T w = weight[i];
        return {w > 0 ? re[i] / w : 0, w > 0 ? im[i] / w : 0, w};
    }
    T read_spread(int64_t i) const { return std::sqrt(weight[i] > 0 ? moment[i] / weight[i] : 0); }
};

struct SumFloat32 : FloatSums<float, vfloat> {
    using FloatSums::FloatSums;
    template <Kept kept>
    void add(int64_t i, vfloat r, vfloat m, vfloat w) const {
        add_vector<kept>(i, r, m, w);
    }
};

struct SumFloat64 : FloatSums<double, vdouble> {
    using FloatSums::FloatSums;
    template <Kept kept>
    void add(int64_t i, vfloat r, vfloat m, vfloat w) const {
        add_vector<kept>(i, widen_low(r), widen_low(m), widen_low(w));
        add_vector<kept>(i + kLanes / 2, widen_high(r), widen_high(m), widen_high(w));
    }
};

struct SumExact {
    int64_t *re, *im, *weight, *moment;
    int64_t pitch;
    double quantum, moment_quantum;
    vdouble magic, moment_magic;

    explicit SumExact(const Sums& s)
        : re(static_cast<int64_t*>(s.re)),
          im(static_cast<int64_t*>(s.im)),
          weight(static_cast<int64_t*>(s.weight)),
          moment(static_cast<int64_t*>(s.moment)),
          pitch(s.pitch),
          quantum(s.quantum),
          moment_quantum(s.moment_quantum),
          magic(broadcast(0x1.8p52 * s.quantum)),
          moment_magic(broadcast(0x1.8p52 * s.moment_quantum)) {}

    static void add_rounded(int64_t* sum, vdouble x, vdouble magic) {
        const vdouble shifted = x + magic;
        store(sum, load(sum) + ((vlong)shifted - (vlong)magic));
    }

    template <Kept kept>
    void add_half(int64_t i, vdouble r, vdouble m, vdouble w) const {
        const vdouble wr = w * r, wm = w * m;  // exact: 24 bits times 24 bits
        add_rounded(re + i, wr, magic);
        add_rounded(im + i, wm, magic);
        if constexpr (kept != Kept::sum) add_rounded(weight + i, w, magic);
        if constexpr (kept == Kept::spread) add_rounded(moment + i, fma(wr, r, wm * m), moment_magic);
    }

    template <Kept kept>
    void add(int64_t i, vfloat r, vfloat m, vfloat w) const {
        add_half<kept>(i, widen_low(r), widen_low(m), widen_low(w));
        add_half<kept>(i + kLanes / 2, widen_high(r), widen_high(m), widen_high(w));
    }

    void merge(int64_t i, const SumExact& other, int64_t j) const {
        re[i] += other.re[j];
        im[i] += other.im[j];
        if (weight) weight[i] += other.weight[j];
        if (moment) moment[i] += other.moment[j];
    }

    std::complex<double> read_sum(int64_t i) const {
        return {static_cast<double>(re[i]) * quantum, static_cast<double>(im[i]) * quantum};
    }
    struct Pixel {
        double re, im, weight;
    };
    Pixel read(int64_t i) const {
        const double r = static_cast<double>(re[i]), m = static_cast<double>(im[i]);
        const double w = static_cast<double>(weight[i]);
        return {w > 0 ? r / w : 0, w > 0 ? m / w : 0, w * quantum};
    }
    double read_spread(int64_t i) const {
        const Pixel p = read(i);
        if (!(p.weight > 0)) return 0;
        const double mean_square = static_cast<double>(moment[i]) * moment_quantum / p.weight;
        return std::sqrt(std::max(0.0, mean_square - (p.re * p.re + p.im * p.im)));
    }
};

template <class Sum>
void merge(const Sums& to, int64_t to_at, const Sums& from, int64_t from_at, int64_t count) {
    const Sum sum(to), other(from);
    for (int64_t i = 0; i < count; ++i) sum.merge(to_at + i, other, from_at + i);
}

template <class Sum>
void read_sum(const Sums& sums, int64_t at, int64_t count, std::complex<float>* out) {
    const Sum sum(sums);
    for (int64_t i = 0; i < count; ++i) out[i] = std::complex<float>(sum.read_sum(at + i));
}

template <class Sum>
void read_image(const Sums& sums, int64_t at, int64_t count, std::complex<float>* out) {
    const Sum sum(sums);
    float* parts = reinterpret_cast<float*>(out);
    for (int64_t i = 0; i < count; ++i) {
        const auto pixel = sum.read(at + i);
        parts[2 * i] = static_cast<float>(pixel.re);
        parts[2 * i + 1] = static_cast<float>(pixel.im);
    }
}

template <class Sum>
void read_coverage(const Sums& sums, int64_t at, int64_t count, float* out) {
    const Sum sum(sums);
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(sum.read(at + i).weight);
}

template <class Sum>
void read_spread(const Sums& sums, int64_t at, int64_t count, float* out) {
    const Sum sum(sums);
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(sum.read_spread(at + i));
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
