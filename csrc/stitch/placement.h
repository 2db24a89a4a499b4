// Where a patch lies on a canvas. Internal to the canvas.
#pragma once

#include <cstdint>

#include "ptychoscope/canvas.h"

namespace ptychoscope {

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

}  // namespace ptychoscope
