// What sweep.cpp and the kernels of each instruction set agree on.
//
// Layouts, with L lanes and J = padded / L panels:
//     probe entry   [J][N rows y][2 * modes + 1][L]: re, im of every mode, then the object's step weight
//     amplitude     [J of ky][N rows kx][L]: A / N, below 0 where unmeasured
//     background    the same, counts * N^2
//     packed plane  [J][padded rows][re, im][L]
#pragma once

#include "fft/fft_kernel.h"

namespace ptychoscope {

/// Sums over frames, each lying like an amplitude, of their measured pixels; A^2 and I in counts / N^2.
struct PixelPlanes {
    float* counts = nullptr;       ///< A^2
    float* predicted = nullptr;    ///< I, with the background
    float* differences = nullptr;  ///< (A - sqrt I)^2
    float* ratios = nullptr;       ///< A^2 / I
    float* frames = nullptr;       ///< 1
};

struct FrameTask {
    const FftPlan* plan = nullptr;
    int modes = 1;
    float* object_re = nullptr;  ///< at the window's corner; one more pixel is readable all around
    float* object_im = nullptr;
    int object_stride = 0;
    const float* probe = nullptr;
    const float* amplitude = nullptr;
    const float* background = nullptr;    ///< null: none
    const PixelPlanes* pixels = nullptr;  ///< null: not summed
    float dark = 1e-30f;         ///< added under the square root of the modulus, in units of N^2 counts
    bool keep_gradient = false;  ///< of the probe, for accumulate_probe
};

/// Packed planes and panels of one thread.
struct RpieWork {
    float* far = nullptr;       ///< [modes] planes
    float* near = nullptr;      ///< [modes] planes
    float* back = nullptr;      ///< one plane: sum over modes of conj(P) (psi' - psi)
    float* gradient = nullptr;  ///< [modes] planes: conj(O) (psi' - psi); only with keep_gradient
    float* panels = nullptr;    ///< 3 + modes panels
};

/// Where the probe's least squares are accumulated.
struct ProbeSums {
    float* numerator = nullptr;     ///< [modes] packed planes, far field: [ky panel][kx]
    float* denominator = nullptr;   ///< [J][N rows][L]: sum of |O|^2
    const float* ramp_y = nullptr;  ///< [cos of ky][sin of ky], padded each: exp(2 pi i ky fraction_y / N)
    const float* ramp_x = nullptr;  ///< [kx][cos, sin]
};

/// Planes that lie like the object, at the window's corner.
struct PatchSums {
    float* re = nullptr;  ///< sum conj(P) psi'
    float* im = nullptr;
    float* weight = nullptr;   ///< sum |P|^2
    float* squares = nullptr;  ///< sum |conj(P) (psi' - psi)|^2 / |P|^2
};

/// Over the measured pixels of a frame.
struct AmplitudeSums {
    double apart = 0;  ///< sum |A - sqrt I| / N
    double total = 0;  ///< sum A / N
};

/// Normal equations of one frame's displacement.
struct PositionSums {
    double yy = 0, yx = 0, xx = 0, y = 0, x = 0;
};

struct RpieKernel {
    int lanes;
    /// Fills work.back (and gradient); returns sum (A - |U|)^2 / N^2 over measured pixels.
    double (*project)(const FrameTask&, const RpieWork&);
    /// Counts that all modes together predict, into `out`, which lies like an amplitude.
    void (*predict)(const FrameTask&, const RpieWork&, float* out);
    /// Of the frame's amplitude and of what `predict` wrote.
    AmplitudeSums (*amplitude_sums)(const FrameTask&, const float* predicted);
    void (*update_object)(const FrameTask&, const RpieWork&, float step);
    void (*accumulate_patch)(const FrameTask&, const RpieWork&, const PatchSums&);
    PositionSums (*position_sums)(const FrameTask&, const RpieWork&);
    void (*accumulate_probe)(const FrameTask&, const RpieWork&, const ProbeSums&);
};

const RpieKernel& rpie_kernel(Isa isa);

}  // namespace ptychoscope
