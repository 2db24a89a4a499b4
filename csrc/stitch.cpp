#include "stitch.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace ptychoscope {

namespace {

// Positions are rounded to this, so that one that is whole but for rounding is whole.
constexpr double kPositionStep = 0x1p-24;

double sinc(double x) { return x == 0 ? 1 : std::sin(M_PI * x) / (M_PI * x); }

/// The interpolation kernel at distance x, in pixels.
double kernel(Interpolation interpolation, double x) {
    x = std::fabs(x);
    switch (interpolation) {
        case Interpolation::nearest:
            return x == 0;
        case Interpolation::bilinear:
            return std::max(0.0, 1 - x);
        case Interpolation::cubic:  // Catmull and Rom (1974): Keys' cubic with a = -1/2
            if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
            return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
        case Interpolation::lanczos3:
            return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    }
    return 0;
}

struct Axis {
    std::int64_t start = 0, first = 0,
                 last = 0;  // canvas pixel of index 0; pixels [first, last) have a value
};

/// One axis of place_patch(): `corner` is the canvas position of patch index 0.
Axis place_axis(double corner, std::int64_t size, Interpolation interpolation, std::int64_t low,
                std::int64_t high, float* weights, float* window_weights) {
    corner = std::round(corner / kPositionStep) * kPositionStep;
    if (interpolation == Interpolation::nearest) corner = std::floor(corner + 0.5);
    // Beyond these the patch is outside anyway, and integers would not hold the position.
    corner = std::clamp(corner, static_cast<double>(low - size) - 8, static_cast<double>(high) + 8);
    const double whole = std::floor(corner), fraction = corner - whole;
    const int taps = taps_of(interpolation), lead = lead_of(taps);
    double sum = 0, exact[kMaxTaps];
    for (int t = 0; t < taps; ++t)
        sum += exact[t] = fraction == 0 ? t == lead : kernel(interpolation, t - lead - fraction);
    for (int t = 0; t < taps; ++t) weights[t] = static_cast<float>(exact[t] / sum);
    window_weights[0] = static_cast<float>(1 - fraction);
    window_weights[1] = static_cast<float>(fraction);

    const std::int64_t start = static_cast<std::int64_t>(whole);
    const std::int64_t before = fraction == 0 ? 0 : taps - 1 - lead, after = fraction == 0 ? 0 : lead;
    return {start, std::max(low, start + before), std::min(high, start + size - after)};
}

}  // namespace

Placement place_patch(double y, double x, std::int64_t height, std::int64_t width,
                      Interpolation interpolation, const Box& canvas) {
    Placement p;
    const Axis rows = place_axis(y - static_cast<double>(height / 2), height, interpolation, canvas.row0,
                                 canvas.row1, p.y, p.window_y);
    const Axis columns = place_axis(x - static_cast<double>(width / 2), width, interpolation, canvas.column0,
                                    canvas.column1, p.x, p.window_x);
    p.top = rows.start;
    p.left = columns.start;
    p.box = {rows.first, rows.last, columns.first, columns.last};
    return p;
}

const StitchKernels& stitch_kernels(Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case Isa::sse41:
            return sse41::stitch_kernels;
        case Isa::avx2:
            return avx2::stitch_kernels;
        case Isa::avx512:
            return avx512::stitch_kernels;
#else
        case Isa::neon:
            return neon::stitch_kernels;
#endif
        default:
            throw std::runtime_error(std::string("this build has no kernels for ") + isa_name(isa));
    }
}

}  // namespace ptychoscope
