// What the canvas asks of an instruction set: stage a patch, place it, read rows back. Internal.
#pragma once

#include <complex>
#include <cstdint>

#include "ptychoscope/canvas.h"
#include "ptychoscope/cpu_features.h"

namespace ptychoscope {

constexpr int kMaxLanes = 16;
constexpr int kInterpolations = 4, kAccumulates = 3;

constexpr int kMaxTaps = 6;

/// Where a patch lies: pixels of the canvas that it reaches, and how its fraction of a pixel is made up.
/// Canvas pixel r takes patch indices r - top + lead - t with weights y[t], t = 0 .. taps - 1; x alike.
struct Placement {
    Box box;
    std::int64_t top = 0, left = 0;
    float y[kMaxTaps] = {}, x[kMaxTaps] = {};  // of the patch
    float window_y[2] = {}, window_x[2] = {};  // of the window: bilinear, lead 0

    /// The same, counted from another pixel of the canvas.
    Placement from(std::int64_t row, std::int64_t column) const {
        Placement p = *this;
        p.box = {box.row0 - row, box.row1 - row, box.column0 - column, box.column1 - column};
        p.top -= row;
        p.left -= column;
        return p;
    }
};

constexpr int taps_of(Interpolation i) {
    return i == Interpolation::nearest    ? 1
           : i == Interpolation::bilinear ? 2
           : i == Interpolation::cubic    ? 4
                                          : 6;
}
constexpr int lead_of(int taps) { return taps > 1 ? taps / 2 - 1 : 0; }

/// Memory that is read next, of which a little is fetched with every pixel that is placed.
struct Prefetch {
    const char* next = nullptr;
    const char* end = nullptr;

    template <int lines>
    void fetch() {
        if (next >= end) return;
        for (int i = 0; i < lines; ++i) __builtin_prefetch(next + 64 * i);
        next += 64 * lines;
    }
};

/// A few rows of two planes of floats with kPadColumns zeros left and right, so that kernels may read past
/// the edges of a patch; `first` and `second` point at column 0 of row 0.
struct Staged {
    float* first = nullptr;
    float* second = nullptr;
    std::int64_t pitch = 0;  // floats from row to row
    std::int64_t rows = 0;
};
constexpr int kPadColumns = 32;

/// What a canvas keeps of the patches: the sum of w g; the coverage with it; the second moment with both.
enum class Kept { sum, coverage, spread };
inline Kept kept_of(const CanvasOptions& o) {
    return o.spread ? Kept::spread : o.coverage ? Kept::coverage : Kept::sum;
}

/// The canvas' sums as planes of float, double or int64 (see Accumulate), addressed by row * pitch + column.
struct Sums {
    void* re = nullptr;
    void* im = nullptr;
    void* weight = nullptr;  // nullptr: not kept
    void* moment = nullptr;  // nullptr: not kept
    std::int64_t pitch = 0;
    double quantum = 0, moment_quantum = 0;  // exact: what one count of re, im, weight; of moment is worth
};

/// One patch of a batch, at any strides in bytes.
struct PatchView {
    const char* first;
    const char* second;
    std::int64_t height, width, row_stride, column_stride;
    Values values;
    Scalar scalar;
    std::complex<float> rotation = 1;  // what every value is multiplied by

    /// The same from another pixel on.
    PatchView from(std::int64_t row, std::int64_t column) const {
        PatchView v = *this;
        const std::int64_t offset = row * row_stride + column * column_stride;
        v.first += offset;
        v.second += offset;
        return v;
    }
};

inline PatchView view_of(const PatchBatch& b, std::int64_t i) {
    return {static_cast<const char*>(b.first) + i * b.patch_stride,
            static_cast<const char*>(b.second) + i * b.patch_stride,
            b.height,
            b.width,
            b.row_stride,
            b.column_stride,
            b.values,
            b.scalar,
            b.rotations ? b.rotations[i] : 1};
}

/// Reads `count` pixels of the planes from element `at` on.
template <class Out>
using ReadRow = void (*)(const Sums&, std::int64_t at, std::int64_t count, Out* out);

struct StitchKernels {
    /// The largest |real| or |imaginary| part, or amplitude; infinite when a value is not finite.
    float (*largest)(const PatchView& patch);
    /// Adds rows [row0, row1) of a placement by way of `buffer`. `window` (nullptr for none) is a whole
    /// staged plane with one row of zeros above. As much is fetched ahead as is read.
    void (*place[kInterpolations][kAccumulates])(const Placement&, const PatchView& patch,
                                                 const Staged& buffer, const Staged* window, const Sums&,
                                                 std::int64_t row0, std::int64_t row1, Prefetch& prefetch);
    /// The sum over the pixels of a placement of weight * conj(prediction) * image.
    std::complex<double> (*correlate[kInterpolations][kAccumulates])(const Placement&, const PatchView& patch,
                                                                     const Staged& buffer,
                                                                     const Staged* window, const Sums&);
    /// Adds the sums of `count` pixels to those of others.
    void (*merge[kAccumulates])(const Sums& to, std::int64_t to_at, const Sums& from, std::int64_t from_at,
                                std::int64_t count);
    ReadRow<std::complex<float>> sum[kAccumulates];  ///< the weighted sum, which needs re and im alone
    ReadRow<std::complex<float>> image[kAccumulates];
    ReadRow<float> coverage[kAccumulates];
    ReadRow<float> spread[kAccumulates];
};

const StitchKernels& stitch_kernels(Isa isa);

}  // namespace ptychoscope
