// Frames of a detector as networks and solvers read them, in one pass over each frame.
//
// Definition. A frame (height, width) of numbers becomes a pattern (P, P) of float32, by these steps in their
// order:
//  1. Zero frequency. With `corner_origin` it lies at [0][0] and is moved to [height / 2][width / 2],
//     cyclically; the mask, which is the detector's, moves with it.
//  2. Values. A negative value is unmeasured, or set to 0, or 65536 is added (counts that wrapped round in 16
//     bits; what is negative still is unmeasured). A value is also unmeasured where the mask says so, where
//     it is not finite, at or above `threshold`, and, with `all_ones`, where all bits of an unsigned type are
//     1 (of uint32 also 2^32 - 2): detectors mark gaps and dead pixels so. Amplitudes are squared.
//  3. Window. Pixel [r][c] of the window is [row + r][column + c] of the frame; what lies outside the frame
//  is
//     unmeasured. The window's side is P times `bin`.
//  4. Binning. bin x bin pixels are added up. Where `good` of them are measured, their sum is multiplied by
//     bin^2 / good; where more than half are unmeasured, so is the sum.
//  5. Orientation about index P / 2, cyclically: transposed, then mirrored in y, then in x.
//  6. Counts are multiplied by `factor`, then their root is taken where amplitudes are asked for. A value
//  that
//     float32 cannot hold is unmeasured.
// An unmeasured pixel is -1. Sums are exact for integers; the bits depend neither on the instruction set, nor
// on the number of threads, nor on how frames are batched.
//
// Threads. apply() may be called from several threads at once; with `threads` above 1 the calls queue up.
// Errors. The constructor throws std::invalid_argument and std::bad_alloc, apply() std::bad_alloc.
// ABI: none across minor versions, see version.h.
#pragma once

#include <cstdint>
#include <memory>

#include "ptychoscope/export.h"

namespace ptychoscope {

enum class PixelType { uint8, uint16, uint32, int32, float32 };
enum class NegativeValues { unmeasured, zero, unwrap };

struct FrameSteps {
    std::int64_t height = 0, width = 0;  ///< of the detector's frames, 1 to 65536 pixels
    std::int64_t row = 0, column = 0;    ///< the window's corner, at most 2^20 away from the frame's
    std::int64_t side = 0;               ///< of the pattern, P: 1 to 65536 pixels, also times `bin`
    std::int64_t bin = 1;                ///< 1 to 128
    const std::uint8_t* mask = nullptr;  ///< (height, width), not 0 where unmeasured; read by the constructor
    double threshold = 0;                ///< above 0; 0 is none
    bool all_ones = false;
    NegativeValues negative = NegativeValues::unmeasured;
    bool corner_origin = false;
    bool transpose = false, flip_y = false, flip_x = false;
    bool amplitudes_in = false, amplitudes_out = false;
    double factor = 1;  ///< finite and above 0
};

class PTYCHOSCOPE_API FramePreprocessor {
  public:
    /// Throws std::invalid_argument for a field outside what FrameSteps says and for threads outside 1 to
    /// 256.
    FramePreprocessor(const FrameSteps& steps, int threads);
    ~FramePreprocessor();

    std::int64_t height() const;
    std::int64_t width() const;
    std::int64_t side() const;

    /// frames (count, height, width) of `type`, aligned for it; out (count, side, side). Frames are split
    /// over the threads.
    void apply(const void* frames, PixelType type, std::int64_t count, float* out) const;

  private:
    struct PTYCHOSCOPE_INTERNAL State;
    std::unique_ptr<State> state_;
};

}  // namespace ptychoscope
