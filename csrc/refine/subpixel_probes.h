// The probe, and its copies moved by fractions of a pixel in the layout that the kernels read.
#pragma once

#include <complex>
#include <vector>

#include "cpu/aligned_buffer.h"
#include "ptychoscope/fft.h"
#include "refine/rpie_kernel.h"

namespace ptychoscope {

/// Fractions of a pixel that the probe is moved by: steps of 1 / kFractions from -1/2.
constexpr int kFractions = 8;

/// Numerator and denominator of the probe's least squares, of one partition of frames.
struct ProbeAccumulator {
    AlignedFloats numerator, denominator;
};

class ProbeTable {
  public:
    ProbeTable(int window, int modes, Isa isa);

    void set(const std::complex<float>* probe);
    const std::vector<std::complex<float>>& modes() const { return probe_; }
    std::vector<float> power() const;  ///< (window, window), sum |P|^2
    bool empty() const { return probe_.empty(); }

    /// Makes the entries of these fractions (fy * kFractions + fx) ready, with step weights for
    /// `regularisation`.
    void prepare(const std::vector<int>& fractions, float regularisation);
    /// The same whatever their step weights: for what reads the probe alone.
    void prepare(const std::vector<int>& fractions) {
        prepare(fractions, regularisation_ > 0 ? regularisation_ : 1.f);
    }
    const float* entry(int fraction) const { return entries_[static_cast<std::size_t>(fraction)].get(); }

    ProbeAccumulator make_accumulator() const;
    ProbeSums sums(ProbeAccumulator& accumulator, int fraction) const;
    /// Moves every mode by `step` towards the least squares of all accumulators, added in their order.
    void update(const std::vector<ProbeAccumulator>& accumulators, float step);

  private:
    void build(int fraction);
    void move(int mode, int fraction, float* re, float* im);
    void unpack(int mode, float* re, float* im) const;
    void add_far(const float* packed, float* re, float* im) const;
    std::size_t plane() const {
        return static_cast<std::size_t>(fft_.padded()) * static_cast<std::size_t>(fft_.padded());
    }

    int window_, count_, lanes_;
    Fft2d fft_;
    std::vector<std::complex<float>> probe_;
    std::vector<float> far_;  ///< [modes][re, im] planes [kx][ky] of the probe's transform
    float largest_ = 0;       ///< of sum |P|^2
    float regularisation_ = 0;
    AlignedFloats work_;
    std::vector<AlignedFloats> entries_;
    std::vector<AlignedFloats> ramps_;  ///< [fraction along an axis]: [cos, sin] padded, then [k][cos, sin]
};

}  // namespace ptychoscope
