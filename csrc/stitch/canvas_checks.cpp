#include "stitch/canvas_checks.h"

#include <algorithm>
#include <cmath>

#include "stitch/canvas_sums.h"
#include "stitch/stitch_kernel.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kMaxSide = 1 << 20;       // pixels; a side beyond this is a mistake
constexpr std::int64_t kMaxPatchSide = 1 << 16;  // pixels
constexpr std::int64_t kFarthest = 1 << 24;      // pixels from the origin to which a canvas may grow

std::string text(const Box& b) {
    return "rows " + std::to_string(b.row0) + ":" + std::to_string(b.row1) + ", columns " +
           std::to_string(b.column0) + ":" + std::to_string(b.column1);
}

}  // namespace

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

std::string size_text(std::int64_t height, std::int64_t width) {
    return std::to_string(height) + " x " + std::to_string(width);
}

void check_canvas(std::int64_t height, std::int64_t width, const CanvasOptions& options) {
    require(height >= 1 && width >= 1 && height <= kMaxSide && width <= kMaxSide,
            "a canvas of " + size_text(height, width) + " pixels: each side must be between 1 and " +
                std::to_string(kMaxSide));
    require(height * width <= options.max_pixels,
            "a canvas of " + size_text(height, width) +
                " pixels has more than max_pixels=" + std::to_string(options.max_pixels));
    require(options.coverage || !options.spread,
            "the spread needs the coverage: give spread=false with coverage=false");
    require(options.bound > 0 && options.bound <= 1e9,
            "bound must be above 0 and at most 1e9, got " + std::to_string(options.bound));
}

double check_window(const float* values, std::int64_t height, std::int64_t width) {
    double largest = 0;
    for (std::int64_t i = 0; i < height * width; ++i) {
        if (!std::isfinite(values[i]) || values[i] < 0)
            throw std::invalid_argument("window[" + std::to_string(i / width) + ", " +
                                        std::to_string(i % width) + "] is " + std::to_string(values[i]) +
                                        ": weights must be finite and not negative");
        largest = std::max(largest, static_cast<double>(values[i]));
    }
    require(largest > 0, "window is zero everywhere: nothing would be added");
    return largest;
}

void check_batch(const PatchBatch& b, const double* positions, Interpolation interpolation,
                 std::int64_t window_height, std::int64_t window_width) {
    require(b.count >= 0, "the number of patches is negative");
    require(b.count == 0 || (b.first && b.second && positions), "patches or positions are missing");
    require(window_height == 0 || (b.height == window_height && b.width == window_width),
            "patches of " + size_text(b.height, b.width) + " pixels on a canvas whose window has " +
                size_text(window_height, window_width));
    const int taps = taps_of(interpolation);
    require(b.height >= taps && b.width >= taps && b.height <= kMaxPatchSide && b.width <= kMaxPatchSide,
            "patches of " + size_text(b.height, b.width) + " pixels: this interpolation needs at least " +
                size_text(taps, taps) + ", and none may be larger than " +
                size_text(kMaxPatchSide, kMaxPatchSide));
}

void require_coverage(const CanvasOptions& options) {
    require(options.coverage,
            "this canvas was made with coverage=false: read the sum and divide it by the coverage that you "
            "know, or make the canvas with coverage=true");
}

void check_merge(const CanvasOptions& to, const Box& to_extent, double to_quantum, const CanvasOptions& from,
                 const Box& from_extent, double from_quantum) {
    require(to.accumulate == from.accumulate && to.spread == from.spread && to.coverage == from.coverage,
            "canvases with different accumulate, spread or coverage cannot be merged");
    require(to_quantum == from_quantum,
            "exact canvases with different bounds or largest weights cannot be merged");
    require(to.grow || contains(to_extent, from_extent),
            "the other canvas reaches beyond this one, which does not grow");
}

void check_box(const Box& box, const Box& extent) {
    if (!contains(extent, box) || box.row0 > box.row1 || box.column0 > box.column1)
        throw std::out_of_range("the box of " + text(box) + " leaves the canvas of " + text(extent));
}

Box placement_limits(const Box& extent, bool grow) {
    return grow ? Box{-kFarthest, kFarthest, -kFarthest, kFarthest} : extent;
}

Box box_with_margin(const Box& held, const Box& wanted, std::int64_t max_pixels) {
    const std::int64_t height = wanted.row1 - wanted.row0, width = wanted.column1 - wanted.column0;
    if (height * width > max_pixels)
        throw std::length_error("would grow the canvas to " + size_text(height, width) +
                                " pixels, more than max_pixels=" + std::to_string(max_pixels));
    if (contains(held, wanted)) return held;
    Box roomy = union_of(held, wanted);
    if (roomy.row0 < held.row0) roomy.row0 -= height / 4;
    if (roomy.row1 > held.row1) roomy.row1 += height / 4;
    if (roomy.column0 < held.column0) roomy.column0 -= width / 4;
    if (roomy.column1 > held.column1) roomy.column1 += width / 4;
    return roomy;
}

}  // namespace ptychoscope
