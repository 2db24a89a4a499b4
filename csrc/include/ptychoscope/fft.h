// Two-dimensional discrete Fourier transforms of square complex float32 windows.
//
// Forward: F[kx][ky] = scale * sum over y, x of f[y][x] exp(-2 pi i (ky y + kx x) / N).
// Real and imaginary parts are planes of their own, zero frequency stands at [0][0], and THE RESULT IS
// TRANSPOSED: forward takes [y][x] to [kx][ky], inverse takes [kx][ky] back to [y][x]. A solver never looks
// at the order of frequencies, so it saves one of two transpositions.
#pragma once

#include <memory>
#include <vector>

#include "ptychoscope/cpu_features.h"

namespace ptychoscope {

struct FftPlan;
struct FftKernel;

class Fft2d {
  public:
    /// Window sides from 2 to 4096 whose prime factors are at most 13. Throws std::invalid_argument
    /// otherwise.
    explicit Fft2d(int size, Isa isa = active_isa());
    ~Fft2d();
    Fft2d(Fft2d&&) noexcept;
    Fft2d& operator=(Fft2d&&) noexcept;

    static bool is_supported(int size);

    int size() const;

    /// Row length of every plane: the side rounded up to the vector width. A plane has padded() rows of
    /// padded() floats; what lies beyond size() is never mixed with what lies within, and comes out
    /// undefined.
    int padded() const;

    /// in and out may be the same planes. Not to be called from two threads at once: work space is shared.
    void forward(const float* in_re, const float* in_im, float* out_re, float* out_im, float scale);
    void inverse(const float* in_re, const float* in_im, float* out_re, float* out_im, float scale);

    const FftPlan& plan() const { return *plan_; }

  private:
    struct Work;
    std::unique_ptr<FftPlan> plan_;
    std::unique_ptr<Work> work_;
    const FftKernel* kernel_;
};

/// Orthonormal transforms of `count` windows (count, 2, size, size): dense planes of real and imaginary
/// parts.
void fft2_windows(const float* in, float* out, int count, int size, bool inverse);

}  // namespace ptychoscope
