// Two-dimensional discrete Fourier transforms of square complex float32 windows.
//
// Forward: F[kx][ky] = scale * sum over y, x of f[y][x] exp(-2 pi i (ky y + kx x) / N).
// Real and imaginary parts are planes of their own, zero frequency stands at [0][0], and THE RESULT IS
// TRANSPOSED: forward takes [y][x] to [kx][ky], inverse takes [kx][ky] back to [y][x]. A solver never looks
// at the order of frequencies, so it saves one of two transpositions.
//
// Threads. An Fft2d has work space of its own: one call at a time. Several of them may be used at once.
//
// Errors. Constructors throw as they say, and std::bad_alloc; transforms throw nothing.
//
// ABI: none across minor versions, see version.h.
#pragma once

#include <memory>
#include <vector>

#include "ptychoscope/cpu_features.h"
#include "ptychoscope/export.h"

namespace ptychoscope {

struct FftPlan;
struct FftKernel;

class PTYCHOSCOPE_API Fft2d {
  public:
    /// Window sides from 2 to 4096 whose prime factors are at most 13, and an instruction set of this machine
    /// (available_isas). Throws std::invalid_argument for other sides and for sets that this build has not.
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

    /// in and out may be the same planes.
    void forward(const float* in_re, const float* in_im, float* out_re, float* out_im, float scale);
    void inverse(const float* in_re, const float* in_im, float* out_re, float* out_im, float scale);

  private:
    struct PTYCHOSCOPE_INTERNAL Work;
    std::unique_ptr<FftPlan> plan_;
    std::unique_ptr<Work> work_;
    const FftKernel* kernel_;
};

/// Orthonormal transforms of `count` windows (count, 2, size, size): dense planes of real and imaginary
/// parts. May be called from several threads at once. Throws as the constructor of Fft2d.
PTYCHOSCOPE_API void fft2_windows(const float* in, float* out, int count, int size, bool inverse);

}  // namespace ptychoscope
