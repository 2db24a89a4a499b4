// Canvas: overlapping complex patches go in, one image comes out.
//
// Conventions. Arrays are indexed [y, x]; a position is (y, x) in canvas pixels, float64, and names the
// centre of a patch, its index [height / 2, width / 2] (integer division, where an FFT has its zero
// frequency).
//
// Definition. At a canvas pixel r, patch i with corner c_i = centre_i - (height / 2, width / 2) predicts
//     g_i(r) = sum_j kernel(r - c_i - j) patch_i[j]          (separable in y and x)
//     w_i(r) = the window, interpolated bilinearly (nearest: nearest) at r - c_i; 1 without a window
// wherever every j with a kernel value other than zero lies in the patch, and nothing elsewhere. Then
//     coverage = sum_i w_i,   image = sum_i w_i g_i / coverage,   0 where the coverage is 0,
//     spread   = sqrt(sum_i w_i |g_i - image|^2 / coverage).
// Parts of patches outside the canvas are clipped pixel by pixel.
//
// Bits. For one instruction set the result does not depend on the number of threads nor on how the patches
// were split over calls; with Accumulate::exact it does not even depend on their order or on merges.
//
// Threads. Calls may come from any thread; each waits for the one before it. `threads` of the options are the
// canvas' own. Patches, positions and outputs are the caller's, and used during the call alone. A canvas
// belongs to its process: a child made by fork() has neither its threads nor what another thread was adding,
// and must not use it (the Python face refuses).
//
// Errors. Beside what each call names: std::bad_alloc and, when threads cannot be started, std::system_error.
// The constructor throws std::invalid_argument, too, for an environment variable PTYCHOSCOPE_ISA that names
// no instruction set of this machine. A canvas that threw can be used further.
//
// ABI: none across minor versions, see version.h.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

#include "ptychoscope/export.h"

namespace ptychoscope {

enum class Interpolation { nearest, bilinear, cubic, lanczos3 };

/// What the sums are held in. `exact` holds integers in units of a quantum: integer sums have no order.
enum class Accumulate { float32, float64, exact };

/// What the two planes of a patch mean. Phases are in radians.
enum class Values { real_imag, amplitude_phase };

enum class Scalar { float32, float16 };

struct CanvasOptions {
    Interpolation interpolation = Interpolation::cubic;
    Accumulate accumulate = Accumulate::float32;
    int threads = 1;     ///< 1 to 256; with one there is no thread pool
    bool spread = true;  ///< keep the second moment; without it spread() throws
    /// Keep sum_i w_i. Without it, and without the spread, there is sum() alone: for callers who know the
    /// coverage because the positions are the same again. image(), coverage(), spread(), correlate() and
    /// Align::sequential then throw std::invalid_argument.
    bool coverage = true;
    double bound = 64;  ///< exact: largest modulus of a patch pixel; a larger one is an error
    bool grow = false;  ///< extend the canvas when a patch leaves it, instead of clipping
    std::int64_t max_pixels = 1LL << 28;  ///< a canvas that would need more is an error
};

/// Somebody else's patches: two planes each, at any strides (in bytes). Planes of complex64 are 4 bytes
/// apart.
struct PTYCHOSCOPE_API PatchBatch {
    const void* first = nullptr;   ///< real part or amplitude of patch 0 at [0, 0]
    const void* second = nullptr;  ///< imaginary part or phase of the same
    std::int64_t count = 0, height = 0, width = 0;
    std::int64_t patch_stride = 0, row_stride = 0, column_stride = 0;
    Values values = Values::real_imag;
    Scalar scalar = Scalar::float32;
    const std::complex<float>* rotations =
        nullptr;  ///< (count): of modulus 1, multiply the patches; or nullptr

    /// `count` contiguous patches of height x width complex numbers.
    static PatchBatch complex64(const std::complex<float>* patches, std::int64_t count, std::int64_t height,
                                std::int64_t width);
};

/// Canvas pixels [row0, row1) x [column0, column1).
struct Box {
    std::int64_t row0 = 0, row1 = 0, column0 = 0, column1 = 0;
    constexpr bool empty() const { return row0 >= row1 || column0 >= column1; }
};

/// What became of the patches of one call, by their index in it.
struct AddReport {
    std::vector<std::int64_t> bad_positions;     ///< left out: position not finite
    std::vector<std::int64_t> bad_patches;       ///< left out: a pixel not finite
    std::int64_t outside = 0;                    ///< wholly outside the canvas: nothing to add
    std::vector<std::complex<float>> rotations;  ///< Align::sequential: what each patch was multiplied by
};

/// A network knows a patch up to a constant phase. `sequential` multiplies each patch, in its turn, by the
/// phase that fits it best to the image under it: e^(i arg sum_r w conj(g) image).
enum class Align { none, sequential };

class PTYCHOSCOPE_API Canvas {
  public:
    /// `window` is (window_height, window_width) float32, finite and not negative, the shape that all patches
    /// then must have; nullptr weighs every pixel alike. Throws std::invalid_argument.
    Canvas(std::int64_t height, std::int64_t width, const float* window, std::int64_t window_height,
           std::int64_t window_width, const CanvasOptions& options);
    ~Canvas();
    Canvas(const Canvas&) = delete;
    Canvas& operator=(const Canvas&) = delete;

    const CanvasOptions& options() const;

    /// The pixels there are: [0, height) x [0, width), and what a growing canvas has grown to.
    Box extent() const;

    /// Adds patches centred on `positions` (count, 2). Patches and positions that are not finite are left out
    /// and reported. Throws std::invalid_argument when a shape does not fit the window or the kernel, and
    /// std::overflow_error when `exact` runs out of range (nothing of this call is lost in silence: the
    /// canvas then holds the patches before the one that is named).
    AddReport add(const PatchBatch& patches, const double* positions, Align align = Align::none);

    /// For every patch the sum over its pixels of weight * conj(prediction) * image, by the image as it is; 0
    /// for patches that add() would leave out. `out` is (count).
    void correlate(const PatchBatch& patches, const double* positions, std::complex<double>* out);

    /// What changed since the last call, an empty box when nothing did.
    Box take_dirty();

    /// Forgets all patches; the extent stays.
    void reset();

    /// Adds what another canvas holds, as if its patches had been added here (exact: bit for bit). Both need
    /// the same accumulate, spread and coverage, exact canvases the same quantum (bound and largest weight),
    /// and this one must hold or grow to the other's extent. Throws std::invalid_argument, std::length_error,
    /// std::overflow_error.
    void merge(const Canvas& other);

    /// The integers of an exact canvas in a box, to be sent elsewhere: `planes()` arrays of the box's shape,
    /// one after the other (re, im and, when kept, weight and second moment). Throws std::invalid_argument
    /// for other canvases, std::out_of_range for a box that leaves the canvas.
    int planes() const;
    void counts(const Box& box, std::int64_t* out) const;

    /// Adds such integers, of a canvas made with the same options, as merge() does. Throws what counts()
    /// does, and std::overflow_error.
    void add_counts(const Box& box, const std::int64_t* counts);

    /// Reads a box, row by row, into an array of its shape; sum is sum_i w_i g_i. Throws std::out_of_range
    /// for a box that leaves the canvas.
    void sum(const Box& box, std::complex<float>* out) const;
    void image(const Box& box, std::complex<float>* out) const;
    void coverage(const Box& box, float* out) const;
    void spread(const Box& box, float* out) const;

  private:
    struct PTYCHOSCOPE_INTERNAL State;
    std::unique_ptr<State> state_;
};

}  // namespace ptychoscope
