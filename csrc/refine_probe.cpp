#include "refine_probe.h"

#include <algorithm>
#include <cmath>

namespace ptychoscope {

namespace {

std::size_t index(int i) { return static_cast<std::size_t>(i); }

double fraction_px(int step) { return static_cast<double>(step - kFractions / 2) / kFractions; }

/// Frequencies as in numpy's fftfreq: the one at N / 2 is negative.
int frequency(int k, int n) { return k < (n + 1) / 2 ? k : k - n; }

}  // namespace

ProbeTable::ProbeTable(int window, int modes, Isa isa)
    : window_(window), count_(modes), lanes_(refine_kernel(isa).lanes), fft_(window, isa) {
    entries_.resize(kFractions * kFractions);
    for (int step = 0; step < kFractions; ++step) {
        const int padded = fft_.padded();
        AlignedFloats turn(4 * index(padded));
        for (int k = 0; k < window_; ++k) {
            const double angle = 2 * M_PI * frequency(k, window_) * fraction_px(step) / window_;
            const float c = static_cast<float>(std::cos(angle)), s = static_cast<float>(std::sin(angle));
            turn.get()[k] = c, turn.get()[padded + k] = s;
            turn.get()[2 * padded + 2 * k] = c, turn.get()[2 * padded + 2 * k + 1] = s;
        }
        turns_.push_back(std::move(turn));
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
    const std::vector<float> lit = power();
    largest_ = *std::max_element(lit.begin(), lit.end());
    far_.assign(2 * index(count_) * plane(), 0.f);
    for (int m = 0; m < count_; ++m) {
        float *re = far_.data() + 2 * index(m) * plane(), *im = re + plane();
        for (int y = 0; y < window_; ++y)
            for (int x = 0; x < window_; ++x) {
                const std::complex<float> p = probe_[index(m) * pixels + index(y * window_ + x)];
                re[y * fft_.padded() + x] = p.real(), im[y * fft_.padded() + x] = p.imag();
            }
        fft_.forward(re, im, re, im, 1.f / static_cast<float>(window_ * window_));
    }
}

void ProbeTable::prepare(const std::vector<int>& fractions, float regularisation) {
    if (regularisation != regularisation_)
        for (AlignedFloats& entry : entries_) entry = AlignedFloats();
    regularisation_ = regularisation;
    for (int fraction : fractions)
        if (entries_[index(fraction)].size() == 0) build(fraction);
}

void ProbeTable::build(int fraction) {
    const int padded = fft_.padded(), values = 2 * count_ + 1;
    const float* turn_y = turns_[index(fraction / kFractions)].get() + 2 * padded;
    const float* turn_x = turns_[index(fraction % kFractions)].get() + 2 * padded;
    AlignedFloats entry(index(padded) * index(window_) * index(values)), work(2 * plane()), power(plane());
    float *re = work.get(), *im = re + plane();
    const auto at = [&](int y, int x, int value) {
        return index(((x / lanes_ * window_ + y) * values + value) * lanes_ + x % lanes_);
    };
    for (int m = 0; m < count_; ++m) {
        const float *far_re = far_.data() + 2 * index(m) * plane(), *far_im = far_re + plane();
        for (int kx = 0; kx < window_; ++kx)
            for (int ky = 0; ky < window_; ++ky) {
                const std::complex<float> turn = std::complex<float>(turn_y[2 * ky], -turn_y[2 * ky + 1]) *
                                                 std::complex<float>(turn_x[2 * kx], -turn_x[2 * kx + 1]);
                const int k = kx * padded + ky;
                const std::complex<float> moved = std::complex<float>(far_re[k], far_im[k]) * turn;
                re[k] = moved.real(), im[k] = moved.imag();
            }
        fft_.inverse(re, im, re, im, 1.f);
        const bool whole =
            fraction == (kFractions + 1) * kFractions / 2;  // no move: the probe itself, exactly
        for (int y = 0; y < window_; ++y)
            for (int x = 0; x < window_; ++x) {
                const std::complex<float> kept = probe_[index((m * window_ + y) * window_ + x)];
                const float p_re = whole ? kept.real() : re[y * padded + x];
                const float p_im = whole ? kept.imag() : im[y * padded + x];
                entry.get()[at(y, x, 2 * m)] = p_re, entry.get()[at(y, x, 2 * m + 1)] = p_im;
                power.get()[y * padded + x] += p_re * p_re + p_im * p_im;
            }
    }
    for (int y = 0; y < window_; ++y)
        for (int x = 0; x < window_; ++x) {
            const float p = std::min(power.get()[y * padded + x], largest_);
            entry.get()[at(y, x, 2 * count_)] =
                1.f / ((1.f - regularisation_) * p + regularisation_ * largest_);
        }
    entries_[index(fraction)] = std::move(entry);
}

ProbeGathering ProbeTable::gathering() const {
    ProbeGathering g;
    g.numerator = AlignedFloats(2 * index(count_) * plane());
    g.denominator = AlignedFloats(plane());
    return g;
}

ProbeSums ProbeTable::sums(ProbeGathering& gathering, int fraction) const {
    const float* turn_x = turns_[index(fraction % kFractions)].get() + 2 * fft_.padded();
    return {gathering.numerator.get(), gathering.denominator.get(),
            turns_[index(fraction / kFractions)].get(), turn_x};
}

void ProbeTable::update(const std::vector<ProbeGathering>& gatherings, float step) {
    const int padded = fft_.padded();
    std::vector<float> lit(index(window_) * index(window_), 0.f);
    for (const ProbeGathering& g : gatherings)
        for (int y = 0; y < window_; ++y)
            for (int x = 0; x < window_; ++x)
                lit[index(y * window_ + x)] +=
                    g.denominator.get()[index((x / lanes_ * window_ + y) * lanes_ + x % lanes_)];
    const float most = *std::max_element(lit.begin(), lit.end());
    if (!(most > 0)) return;
    std::vector<std::complex<float>> next = probe_;
    AlignedFloats work(2 * plane());
    float *re = work.get(), *im = re + plane();
    for (int m = 0; m < count_; ++m) {
        work.zero();
        for (const ProbeGathering& g : gatherings)
            for (int kx = 0; kx < window_; ++kx)
                for (int ky = 0; ky < window_; ++ky) {
                    const std::size_t from = 2 * index(m) * plane() +
                                             index((ky / lanes_ * padded + kx) * 2 * lanes_ + ky % lanes_);
                    re[kx * padded + ky] += g.numerator.get()[from];
                    im[kx * padded + ky] += g.numerator.get()[from + index(lanes_)];
                }
        fft_.inverse(re, im, re, im, 1.f / static_cast<float>(window_ * window_));
        for (int y = 0; y < window_; ++y)
            for (int x = 0; x < window_; ++x) {
                const std::complex<float> sum(re[y * padded + x], im[y * padded + x]);
                const float weight = 0.9f * lit[index(y * window_ + x)] + 0.1f * most;
                next[index((m * window_ + y) * window_ + x)] += step * sum / weight;
            }
    }
    set(next.data());
}

}  // namespace ptychoscope
