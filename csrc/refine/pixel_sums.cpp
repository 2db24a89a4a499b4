#include "refine/pixel_sums.h"

#include <cmath>

namespace ptychoscope {

PixelAccumulator::PixelAccumulator(const FftPlan& plan, int window) {
    const std::size_t plane = static_cast<std::size_t>(plan.padded) * static_cast<std::size_t>(window);
    sums = AlignedFloats(5 * plane);
    float* p = sums.get();
    planes = {p, p + plane, p + 2 * plane, p + 3 * plane, p + 4 * plane};
}

PixelSums collect(const std::vector<PixelAccumulator>& partitions, const FrameStore& frames, int window) {
    const std::size_t pixels = static_cast<std::size_t>(window) * static_cast<std::size_t>(window);
    const float counts = static_cast<float>(pixels);  // amplitudes are A / N
    std::vector<float> plane(pixels);
    const auto total = [&](float* PixelPlanes::* which, float scale) {
        std::vector<float> sum(pixels, 0.f);
        for (const PixelAccumulator& partition : partitions) {
            frames.unpack(partition.planes.*which, plane.data());
            for (std::size_t i = 0; i < pixels; ++i) sum[i] += plane[i] * scale;
        }
        return sum;
    };
    PixelSums result;
    result.counts = total(&PixelPlanes::counts, counts);
    result.predicted = total(&PixelPlanes::predicted, counts);
    result.differences = total(&PixelPlanes::differences, counts);
    result.ratios = total(&PixelPlanes::ratios, 1.f);
    result.frames = total(&PixelPlanes::frames, 1.f);
    return result;
}

void follow(const PixelSums& sums, float step, bool whole, std::vector<float>& background) {
    double ratio = 0, weight = 0;
    for (std::size_t i = 0; i < background.size(); ++i) {
        const double b = background[i];
        if (!(b > 0)) continue;
        ratio += b * sums.ratios[i], weight += b * sums.frames[i];
    }
    for (std::size_t i = 0; i < background.size(); ++i) {
        if (!(background[i] > 0)) continue;
        const double n = whole ? weight : sums.frames[i], r = whole ? ratio : sums.ratios[i];
        const double factor = n > 0 ? std::pow(r / n, static_cast<double>(step)) : 1;
        const float next = static_cast<float>(background[i] * factor);
        if (std::isfinite(next)) background[i] = next;
    }
}

}  // namespace ptychoscope
