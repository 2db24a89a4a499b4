// The sums of one pixel on a device: the three kinds of stitch/sum_types.inl, with the same operations, for
// one pixel instead of a vector of them.
#pragma once

#include <cmath>

#include "ptychoscope/canvas.h"
#include "stitch/stitch_kernel.h"
#include "stitch_cuda/host_device.h"

namespace ptychoscope {

/// The planes as arrays of T.
template <class T>
struct PlanesOf {
    T *re, *im, *weight, *moment;
    PTYCHOSCOPE_HOST_DEVICE explicit PlanesOf(const Sums& s)
        : re(static_cast<T*>(s.re)),
          im(static_cast<T*>(s.im)),
          weight(static_cast<T*>(s.weight)),
          moment(static_cast<T*>(s.moment)) {}
};

/// One pixel: load, add patch after patch, store. Number is what the planes hold.
template <class Number>
struct PixelBase {
    Number re = 0, im = 0, weight = 0, moment = 0;

    PTYCHOSCOPE_HOST_DEVICE void load(const PlanesOf<Number>& p, std::int64_t at) {
        re = p.re[at];
        im = p.im[at];
        weight = p.weight[at];
        if (p.moment) moment = p.moment[at];
    }
    PTYCHOSCOPE_HOST_DEVICE void store(const PlanesOf<Number>& p, std::int64_t at) const {
        p.re[at] = re;
        p.im[at] = im;
        p.weight[at] = weight;
        if (p.moment) p.moment[at] = moment;
    }
};

/// What is read of a pixel.
struct PixelReading {
    float re, im, weight, spread;
};

PTYCHOSCOPE_HOST_DEVICE float fused(float a, float b, float c) { return fmaf(a, b, c); }
PTYCHOSCOPE_HOST_DEVICE double fused(double a, double b, double c) { return fma(a, b, c); }
PTYCHOSCOPE_HOST_DEVICE float least_normal(float) { return 0x1p-126f; }
PTYCHOSCOPE_HOST_DEVICE double least_normal(double) { return 0x1p-1022; }

template <class T>
struct FloatPixel : PixelBase<T> {
    using Number = T;

    PTYCHOSCOPE_HOST_DEVICE void add(const Sums& s, T r, T m, T w) {
        const T new_weight = this->weight + w;
        if (s.moment) {
            const T off_re = fused(this->weight, r, -this->re), off_im = fused(this->weight, m, -this->im);
            const T off = fused(off_re, off_re, off_im * off_im);
            const T product = this->weight * new_weight, least = least_normal(T());
            this->moment = fused(w, off / (product > least ? product : least), this->moment);
        }
        this->re = fused(w, r, this->re);
        this->im = fused(w, m, this->im);
        this->weight = new_weight;
    }

    /// Without the moment, which depends on the order.
    PTYCHOSCOPE_HOST_DEVICE static void add_atomic(const Sums& s, std::int64_t at, T r, T m, T w) {
        const PlanesOf<T> p(s);
        atomic_add(p.re + at, w * r);
        atomic_add(p.im + at, w * m);
        atomic_add(p.weight + at, w);
    }

    PTYCHOSCOPE_HOST_DEVICE void merge(const FloatPixel& other) {
        const T a = this->weight, b = other.weight;
        if (b == 0) return;
        if (a > 0) {
            const T off_re = other.re / b - this->re / a, off_im = other.im / b - this->im / a;
            this->moment += other.moment + (off_re * off_re + off_im * off_im) * (a / (a + b) * b);
        } else {
            this->moment = other.moment;
        }
        this->re += other.re;
        this->im += other.im;
        this->weight += b;
    }

    PTYCHOSCOPE_HOST_DEVICE PixelReading read(const Sums&) const {
        const T w = this->weight;
        if (!(w > 0)) return {0, 0, static_cast<float>(w), 0};
        return {static_cast<float>(this->re / w), static_cast<float>(this->im / w), static_cast<float>(w),
                static_cast<float>(std::sqrt(this->moment / w))};
    }
};

struct ExactPixel : PixelBase<std::int64_t> {
    using Number = std::int64_t;

    /// x in units of a quantum, to the nearest; see stitch/sum_types.inl.
    PTYCHOSCOPE_HOST_DEVICE static std::int64_t counts(double x, double quantum) {
        const double magic = 0x1.8p52 * quantum;
        return bits_as<std::int64_t>(x + magic) - bits_as<std::int64_t>(magic);
    }

    PTYCHOSCOPE_HOST_DEVICE static ExactPixel of(const Sums& s, double r, double m, double w) {
        const double wr = w * r, wm = w * m;  // exact: 24 bits times 24 bits
        ExactPixel p;
        p.re = counts(wr, s.quantum);
        p.im = counts(wm, s.quantum);
        p.weight = counts(w, s.quantum);
        if (s.moment) p.moment = counts(fma(wr, r, wm * m), s.moment_quantum);
        return p;
    }

    PTYCHOSCOPE_HOST_DEVICE void add(const Sums& s, double r, double m, double w) { merge(of(s, r, m, w)); }

    PTYCHOSCOPE_HOST_DEVICE static void add_atomic(const Sums& s, std::int64_t at, double r, double m,
                                                   double w) {
        const PlanesOf<std::int64_t> p(s);
        const ExactPixel pixel = of(s, r, m, w);
        atomic_add(p.re + at, pixel.re);
        atomic_add(p.im + at, pixel.im);
        atomic_add(p.weight + at, pixel.weight);
        if (p.moment) atomic_add(p.moment + at, pixel.moment);
    }

    PTYCHOSCOPE_HOST_DEVICE void merge(const ExactPixel& other) {
        re += other.re;
        im += other.im;
        weight += other.weight;
        moment += other.moment;
    }

    PTYCHOSCOPE_HOST_DEVICE PixelReading read(const Sums& s) const {
        const double r = static_cast<double>(re), m = static_cast<double>(im);
        const double w = static_cast<double>(weight), true_weight = w * s.quantum;
        if (!(w > 0)) return {0, 0, static_cast<float>(true_weight), 0};
        const double mean_re = r / w, mean_im = m / w;
        const double mean_square = static_cast<double>(moment) * s.moment_quantum / true_weight;
        const double square = mean_square - (mean_re * mean_re + mean_im * mean_im);
        return {static_cast<float>(mean_re), static_cast<float>(mean_im), static_cast<float>(true_weight),
                static_cast<float>(square > 0 ? std::sqrt(square) : 0)};
    }
};

}  // namespace ptychoscope
