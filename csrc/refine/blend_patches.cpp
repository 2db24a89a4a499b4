#include <cmath>

#include "refine/refiner_state.h"

namespace ptychoscope {

namespace {

using Patch = const std::complex<float>*;

/// Linear between the pixels of a patch; nothing outside.
bool sample(Patch patch, int side, double y, double x, std::complex<float>& value) {
    const int row = static_cast<int>(std::floor(y)), column = static_cast<int>(std::floor(x));
    const float fy = static_cast<float>(y - row), fx = static_cast<float>(x - column);
    const int below = fy > 0 ? row + 1 : row, right = fx > 0 ? column + 1 : column;
    if (row < 0 || column < 0 || below >= side || right >= side) return false;
    const auto at = [&](int r, int c) { return patch[static_cast<std::size_t>(r * side + c)]; };
    value = (at(row, column) * (1 - fx) + at(row, right) * fx) * (1 - fy) +
            (at(below, column) * (1 - fx) + at(below, right) * fx) * fy;
    return std::isfinite(value.real()) && std::isfinite(value.imag());
}

}  // namespace

void Refiner::State::blend(const std::complex<float>* patches, int first, int count) {
    if (!blended) blended = std::make_unique<ObjectPlanes>(height, width);
    const std::size_t patch_pixels = static_cast<std::size_t>(window) * static_cast<std::size_t>(window);
    const std::vector<float> power = probe.power();
    for (int k : frames.used(first, first + count)) {
        const Patch patch = patches + static_cast<std::size_t>(k - first) * patch_pixels;
        const Corner corner = frames.corners()[static_cast<std::size_t>(k)];
        const double* position = &frames.positions()[2 * static_cast<std::size_t>(k)];
        const double dy = corner.y + window / 2 - position[0], dx = corner.x + window / 2 - position[1];
        for (int y = 0; y < window; ++y)
            for (int x = 0; x < window; ++x) {
                std::complex<float> value;
                const float weight = power[static_cast<std::size_t>(y * window + x)];
                if (!(weight > 0) || !sample(patch, window, y + dy, x + dx, value)) continue;
                float& sum = *blended->re(corner.y + y, corner.x + x);
                float& re = *object.re(corner.y + y, corner.x + x);
                float& im = *object.im(corner.y + y, corner.x + x);
                sum += weight;
                re += (value.real() - re) * weight / sum;
                im += (value.imag() - im) * weight / sum;
            }
    }
}

}  // namespace ptychoscope
