// What canvases on the host and on devices ask of their arguments, and how they grow. Internal.
#pragma once

#include <stdexcept>
#include <string>

#include "ptychoscope/canvas.h"

namespace ptychoscope {

/// Throws std::invalid_argument with `message` unless `condition`.
void require(bool condition, const std::string& message);
std::string size_text(std::int64_t height, std::int64_t width);

void check_canvas(std::int64_t height, std::int64_t width, const CanvasOptions& options);

/// The largest weight; throws std::invalid_argument when one is negative or not finite, or all are zero.
double check_window(const float* values, std::int64_t height, std::int64_t width);

/// `window_height` 0: no window.
void check_batch(const PatchBatch& batch, const double* positions, Interpolation interpolation,
                 std::int64_t window_height, std::int64_t window_width);

/// What reads or uses the image needs the coverage.
void require_coverage(const CanvasOptions& options);

void check_merge(const CanvasOptions& to, const Box& to_extent, double to_quantum, const CanvasOptions& from,
                 const Box& from_extent, double from_quantum);

/// Throws std::out_of_range unless `box` lies in `extent`.
void check_box(const Box& box, const Box& extent);

/// How far from the canvas a patch may lie: where it is clipped, or where the canvas may grow to.
Box placement_limits(const Box& extent, bool grow);

/// The pixels to hold memory for for `wanted`: a quarter of a side more than is needed, so
/// that growing step by step costs no more than a few copies. Throws std::length_error beyond max_pixels.
Box box_with_margin(const Box& held, const Box& wanted, std::int64_t max_pixels);

}  // namespace ptychoscope
