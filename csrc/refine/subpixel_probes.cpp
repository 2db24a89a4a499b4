#include "refine/subpixel_probes.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "cpu/dispatch.h"

namespace ptychoscope {

namespace {

std::size_t index(int i) { return static_cast<std::size_t>(i); }

double fraction_px(int step) { return static_cast<double>(step - kFractions / 2) / kFractions; }

/// Frequencies as in numpy's fftfreq: the one at N / 2 is negative.
int frequency(int k, int n) { return k < (n + 1) / 2 ? k : k - n; }

}  // namespace

PTYCHOSCOPE_DISPATCH(rpie_kernel, RpieKernel, rpie_kernel)

ProbeTable::ProbeTable(int window, int modes, Isa isa)
    : window_(window), count_(modes), lanes_(rpie_kernel(isa).lanes), fft_(window, isa) {
    entries_.resize(kFractions * kFractions);
    work_ = AlignedFloats(3 * plane());
    for (int step = 0; step < kFractions; ++step) {
        const int padded = fft_.padded();
        AlignedFloats ramp(4 * index(padded));
        for (int k = 0; k < window_; ++k) {
            const double angle = 2 * M_PI * frequency(k, window_) * fraction_px(step) / window_;
            const float c = static_cast<float>(std::cos(angle)), s = static_cast<float>(std::sin(angle));
            ramp.get()[k] = c, ramp.get()[padded + k] = s;
            ramp.get()[2 * padded + 2 * k] = c, ramp.get()[2 * padded + 2 * k + 1] = s;
        }
        ramps_.push_back(std::move(ramp));
    }
}

std::vector<float> ProbeTable::power() const {
    const std::size_t pixels = index(window_) * index(window_);
    std::vector<float> sum(pixels, 0.f);
    for (std::size_t i = 0; i < probe_.size(); ++i) sum[i % pixels] += std::norm(probe_[i]);
    return sum;
}

void ProbeTable::set(const std::complex<float>* probe) {
    const std::size_t pixels = index(window_) * index(window_);
    probe_.assign(probe, probe + index(count_) * pixels);
    for (AlignedFloats& entry : entries_) entry = AlignedFloats();
    const std::vector<float> intensity = power();
    largest_ = *std::max_element(intensity.begin(), intensity.end());
    far_.assign(2 * index(count_) * plane(), 0.f);
    for (int m = 0; m < count_; ++m) {
        float *re = far_.data() + 2 * index(m) * plane(), *im = re + plane();
        unpack(m, re, im);
        fft_.forward(re, im, re, im, 1.f / static_cast<float>(window_ * window_));
    }
}

/// A mode as two planes.
void ProbeTable::unpack(int mode, float* re, float* im) const {
    const std::complex<float>* from = probe_.data() + index(mode) * index(window_) * index(window_);
    for (int y = 0; y < window_; ++y)
        for (int x = 0; x < window_; ++x, ++from)
            re[y * fft_.padded() + x] = from->real(), im[y * fft_.padded() + x] = from->imag();
}

void ProbeTable::prepare(const std::vector<int>& fractions, float regularisation) {
    if (regularisation != regularisation_)
        for (AlignedFloats& entry : entries_) entry = AlignedFloats();
    regularisation_ = regularisation;
    for (int fraction : fractions)
        if (entries_[index(fraction)].size() == 0) build(fraction);
}

/// One mode moved by a fraction: its far field times exp(-2 pi i k fraction / N), back in near field.
void ProbeTable::move(int mode, int fraction, float* re, float* im) {
    const int padded = fft_.padded();
    const float* cos_y = ramps_[index(fraction / kFractions)].get();
    const float* sin_y = cos_y + padded;
    const float* ramp_x = ramps_[index(fraction % kFractions)].get() + 2 * padded;
    const float* far_re = far_.data() + 2 * index(mode) * plane();
    const float* far_im = far_re + plane();
    for (int kx = 0; kx < window_; ++kx) {
        const float cos_x = ramp_x[2 * kx], sin_x = ramp_x[2 * kx + 1];
        for (int ky = 0, k = kx * padded; ky < window_; ++ky, ++k) {
            const float c = cos_y[ky] * cos_x - sin_y[ky] * sin_x, s = cos_y[ky] * sin_x + sin_y[ky] * cos_x;
            re[k] = far_re[k] * c + far_im[k] * s;
            im[k] = far_im[k] * c - far_re[k] * s;
        }
    }
    fft_.inverse(re, im, re, im, 1.f);
}

void ProbeTable::build(int fraction) {
    const int padded = fft_.padded(), row = (2 * count_ + 1) * lanes_;
    const bool whole = fraction == (kFractions + 1) * kFractions / 2;  // no move: the probe itself, exactly
    AlignedFloats& entry = entries_[index(fraction)];
    entry = AlignedFloats(index(padded / lanes_ * window_) * index(row));
    float *re = work_.get(), *im = re + plane(), *power = im + plane();
    std::fill(power, power + plane(), 0.f);
    for (int m = 0; m < count_; ++m) {
        if (whole)
            unpack(m, re, im);
        else
            move(m, fraction, re, im);
        for (int j = 0; j < padded / lanes_; ++j)
            for (int y = 0; y < window_; ++y) {
                const int columns = std::min(lanes_, window_ - j * lanes_), from = y * padded + j * lanes_;
                float* to = entry.get() + (j * window_ + y) * row + 2 * m * lanes_;
                std::copy(re + from, re + from + columns, to);
                std::copy(im + from, im + from + columns, to + lanes_);
                for (int i = from; i < from + columns; ++i) power[i] += re[i] * re[i] + im[i] * im[i];
            }
    }
    for (int j = 0; j < padded / lanes_; ++j)
        for (int y = 0; y < window_; ++y) {
            const float* intensity = power + y * padded + j * lanes_;
            float* weight = entry.get() + (j * window_ + y) * row + 2 * count_ * lanes_;
            for (int i = 0; i < lanes_; ++i)
                weight[i] = 1.f / ((1.f - regularisation_) * std::min(intensity[i], largest_) +
                                   regularisation_ * largest_);
        }
}

ProbeAccumulator ProbeTable::make_accumulator() const {
    ProbeAccumulator a;
    a.numerator = AlignedFloats(2 * index(count_) * plane());
    a.denominator = AlignedFloats(plane());
    return a;
}

ProbeSums ProbeTable::sums(ProbeAccumulator& accumulator, int fraction) const {
    const float* ramp_x = ramps_[index(fraction % kFractions)].get() + 2 * fft_.padded();
    return {accumulator.numerator.get(), accumulator.denominator.get(),
            ramps_[index(fraction / kFractions)].get(), ramp_x};
}

/// Adds a packed plane [ky panel][kx] to planes [kx][ky].
void ProbeTable::add_far(const float* packed, float* re, float* im) const {
    const int padded = fft_.padded();
    for (int j = 0; j < padded / lanes_; ++j)
        for (int kx = 0; kx < window_; ++kx) {
            const float* from = packed + (j * padded + kx) * 2 * lanes_;
            const int to = kx * padded + j * lanes_;
            for (int i = 0; i < lanes_; ++i) re[to + i] += from[i], im[to + i] += from[lanes_ + i];
        }
}

void ProbeTable::update(const std::vector<ProbeAccumulator>& accumulators, float step) {
    const int padded = fft_.padded();
    std::vector<float> denominator(plane(), 0.f);  // as the kernels lay it: [panel][y][lane]
    for (const ProbeAccumulator& a : accumulators)
        std::transform(denominator.begin(), denominator.end(), a.denominator.get(), denominator.begin(),
                       std::plus<float>());
    const float most = *std::max_element(denominator.begin(), denominator.end());
    if (!(most > 0)) return;
    std::vector<std::complex<float>> next = probe_;
    float *re = work_.get(), *im = re + plane();
    for (int m = 0; m < count_; ++m) {
        std::fill(re, re + 2 * plane(), 0.f);
        for (const ProbeAccumulator& a : accumulators)
            add_far(a.numerator.get() + 2 * index(m) * plane(), re, im);
        fft_.inverse(re, im, re, im, 1.f / static_cast<float>(window_ * window_));
        for (int y = 0; y < window_; ++y)
            for (int x = 0; x < window_; ++x) {
                const float here = denominator[index((x / lanes_ * window_ + y) * lanes_ + x % lanes_)];
                const std::complex<float> sum(re[y * padded + x], im[y * padded + x]);
                next[index((m * window_ + y) * window_ + x)] += sum * (step / (0.9f * here + 0.1f * most));
            }
    }
    set(next.data());
}

}  // namespace ptychoscope
