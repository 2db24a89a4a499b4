// The object as two planes with a border that kernels may read, and write unchanged, past every edge.
#pragma once

#include <algorithm>
#include <complex>

#include "cpu/aligned_buffer.h"
#include "refine/rpie_kernel.h"

namespace ptychoscope {

class ObjectPlanes {
  public:
    ObjectPlanes(int height, int width)
        : height_(height), width_(width), stride_((width + 2 * kBorder + 15) / 16 * 16 + 16) {
        const std::size_t floats =
            static_cast<std::size_t>(height + 2 * kBorder) * static_cast<std::size_t>(stride_);
        re_ = AlignedFloats(floats);
        im_ = AlignedFloats(floats);
    }

    int stride() const { return stride_; }
    /// Of one plane, border included.
    std::size_t floats() const { return re_.size(); }
    float* re() { return re_.get(); }
    float* im() { return im_.get(); }
    float* re(int y, int x) { return re_.get() + offset(y, x); }
    float* im(int y, int x) { return im_.get() + offset(y, x); }

    /// Null: 1 everywhere. The border repeats the edge, so that gradients end there.
    void set(const std::complex<float>* object) {
        for (int y = -kBorder; y < height_ + kBorder; ++y)
            for (int x = -kBorder; x < stride_ - kBorder; ++x) {
                const int row = clamp(y, height_), column = clamp(x, width_);
                const auto from = static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) +
                                  static_cast<std::size_t>(column);
                const std::complex<float> value = object == nullptr ? 1.f : object[from];
                *re(y, x) = value.real(), *im(y, x) = value.imag();
            }
    }

    /// Planes of another size with this one at (top, left), and `value` around it.
    ObjectPlanes within(int top, int left, int height, int width, float value) const {
        ObjectPlanes larger(height, width);
        std::fill(larger.re(), larger.re() + larger.floats(), value);
        for (int y = 0; y < height_; ++y) {
            std::copy_n(re_.get() + offset(y, 0), width_, larger.re(top + y, left));
            std::copy_n(im_.get() + offset(y, 0), width_, larger.im(top + y, left));
        }
        return larger;
    }

    void copy(std::complex<float>* out, int row0, int row1, int column0, int column1) const {
        for (int y = row0; y < row1; ++y)
            for (int x = column0; x < column1; ++x)
                *out++ = {re_.get()[offset(y, x)], im_.get()[offset(y, x)]};
    }

  private:
    static constexpr int kBorder = 16;  // the widest vector's overhang, and one pixel
    static int clamp(int i, int side) { return i < 0 ? 0 : i < side ? i : side - 1; }
    std::ptrdiff_t offset(int y, int x) const {
        return static_cast<std::ptrdiff_t>(y + kBorder) * stride_ + x + kBorder;
    }

    int height_, width_, stride_;
    AlignedFloats re_, im_;
};

/// Sums over corrected patches, in planes that lie like the object.
class PatchPlanes {
  public:
    PatchPlanes(int height, int width) : mean_(height, width), other_(height, width) {}

    PatchSums at(int y, int x) { return {mean_.re(y, x), mean_.im(y, x), other_.re(y, x), other_.im(y, x)}; }

  private:
    ObjectPlanes mean_, other_;
};

}  // namespace ptychoscope
