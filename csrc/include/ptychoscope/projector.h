// Projector: the step that a measured pattern asks of an object patch, for networks in passes.
//
// For patch o, probe modes P_m moved by the fraction of the position, measured amplitude A:
//     U_m = FFT(P_m o),  I = sum |U_m|^2 + dark
//     r = sum conj(P_m) IFFT(U_m (A / sqrt(I) - 1)) / (sum |P_m|^2 + regularisation * max sum |P|^2)
// with orthonormal transforms: the modulus projection, back-projected and divided by the probe. It is what
// the networks were trained on; the transforms are those of the solver.
//
// Threads. residual() may be called from several threads at once.
//
// Errors. The constructor throws std::invalid_argument, both std::bad_alloc. Shapes and the range of
// fractions are the caller's to check.
//
// ABI: none across minor versions, see version.h.
#pragma once

#include <complex>
#include <memory>

#include "ptychoscope/export.h"

namespace ptychoscope {

class PTYCHOSCOPE_API Projector {
  public:
    /// probe (modes, window, window), centre at window / 2; `dark` in counts per pixel. Throws
    /// std::invalid_argument for a window that Fft2d does not transform, modes or a regularisation that are
    /// not positive, and a negative dark.
    Projector(const std::complex<float>* probe, int window, int modes, float regularisation, float dark);
    ~Projector();

    int window() const;

    /// Steps of a pixel that fractions are rounded to.
    static int fractions_per_pixel();

    /// patches (count, 2, window, window), real and imaginary planes, or null for patches of 1; amplitudes
    /// (count, window, window), zero frequency at [window / 2][window / 2], negative where unmeasured;
    /// fractions (count, 2) as (y, x) steps from -1/2 pixel, each 0 to fractions_per_pixel() - 1.
    /// out (count, 2, window, window).
    void residual(const float* patches, const float* amplitudes, const int* fractions, int count, float* out);

  private:
    struct PTYCHOSCOPE_INTERNAL State;
    std::unique_ptr<State> state_;
};

}  // namespace ptychoscope
