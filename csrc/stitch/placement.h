// Working out where a patch lies: on the host for Canvas, in a thread per patch on a device. Compile without
// contraction (-ffp-contract=off, -fmad=false), so that both find the same.
#pragma once

#include <cmath>

#include "stitch/stitch_kernel.h"
#include "stitch_cuda/host_device.h"

namespace ptychoscope {

// Positions are rounded to this, so that one that is whole but for rounding is whole.
constexpr double kPositionStep = 0x1p-24;

PTYCHOSCOPE_HOST_DEVICE double sinc(double x) {
    constexpr double pi = 3.14159265358979323846;
    return x == 0 ? 1 : std::sin(pi * x) / (pi * x);
}

/// The interpolation kernel at distance x, in pixels.
PTYCHOSCOPE_HOST_DEVICE double interpolation_kernel(Interpolation interpolation, double x) {
    x = std::fabs(x);
    switch (interpolation) {
        case Interpolation::nearest:
            return x == 0;
        case Interpolation::bilinear:
            return x < 1 ? 1 - x : 0;
        case Interpolation::cubic:  // Catmull and Rom (1974): Keys' cubic with a = -1/2
            if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
            return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
        case Interpolation::lanczos3:
            return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    }
    return 0;
}

/// The canvas pixel of patch index 0 of an axis; pixels [first, last) have a value.
struct PlacedAxis {
    std::int64_t start = 0, first = 0, last = 0;
};

/// One axis of place_patch(): `corner` is the canvas position of patch index 0.
PTYCHOSCOPE_HOST_DEVICE PlacedAxis place_axis(double corner, std::int64_t size, Interpolation interpolation,
                                              std::int64_t low, std::int64_t high, float* weights,
                                              float* window_weights) {
    corner = std::round(corner / kPositionStep) * kPositionStep;
    if (interpolation == Interpolation::nearest) corner = std::floor(corner + 0.5);
    // Beyond these the patch is outside anyway, and integers would not hold the position.
    const double least = static_cast<double>(low - size) - 8, most = static_cast<double>(high) + 8;
    corner = corner < least ? least : corner > most ? most : corner;
    const double whole = std::floor(corner), fraction = corner - whole;
    const int taps = taps_of(interpolation), lead = lead_of(taps);
    double sum = 0, exact[kMaxTaps] = {};
    for (int t = 0; t < taps; ++t) {
        exact[t] = fraction == 0 ? t == lead : interpolation_kernel(interpolation, t - lead - fraction);
        sum += exact[t];
    }
    for (int t = 0; t < taps; ++t) weights[t] = static_cast<float>(exact[t] / sum);
    window_weights[0] = static_cast<float>(1 - fraction);
    window_weights[1] = static_cast<float>(fraction);

    const std::int64_t start = static_cast<std::int64_t>(whole);
    const std::int64_t first = start + (fraction == 0 ? 0 : taps - 1 - lead);
    const std::int64_t last = start + size - (fraction == 0 ? 0 : lead);
    return {start, first > low ? first : low, last < high ? last : high};
}

/// Places a patch of height x width centred on (y, x) on `canvas`; an empty box when it lies outside.
/// The position must be finite.
PTYCHOSCOPE_HOST_DEVICE Placement place_patch(double y, double x, std::int64_t height, std::int64_t width,
                                              Interpolation interpolation, const Box& canvas) {
    Placement p;
    const PlacedAxis rows = place_axis(y - static_cast<double>(height / 2), height, interpolation,
                                       canvas.row0, canvas.row1, p.y, p.window_y);
    const PlacedAxis columns = place_axis(x - static_cast<double>(width / 2), width, interpolation,
                                          canvas.column0, canvas.column1, p.x, p.window_x);
    p.top = rows.start;
    p.left = columns.start;
    p.box = {rows.first, rows.last, columns.first, columns.last};
    return p;
}

}  // namespace ptychoscope
