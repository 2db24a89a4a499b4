#include "phase_sync/overlap_graph.h"

#include <algorithm>
#include <cmath>

#include "cpu/dispatch.h"
#include "phase_sync/overlap_kernel.h"
#include "stitch/canvas_sums.h"

namespace ptychoscope {

namespace {

constexpr double kLeast = 1e-9;  // smaller overlaps, relative to the patches, are rounding

/// Along one axis: what of [0, size) lies under a patch of the same size that begins at `start`, read between
/// its pixels.
struct Span {
    std::int64_t begin, end, offset;
    float part;
};

Span span(double start, std::int64_t size) {
    const double whole = std::ceil(start);
    const auto part = static_cast<float>(whole - start);  // how far beyond its own pixel the other is read
    const auto offset = static_cast<std::int64_t>(whole);
    const std::int64_t length = part > 0 ? size - 1 : size;
    return {std::max<std::int64_t>(offset, 0), std::min(size, offset + length), offset, part};
}

/// True, and where, when a patch at `to` lies over one at `from`.
bool overlay(const double* from, const double* to, std::int64_t height, std::int64_t width, Overlay* out) {
    const double dy = to[0] - from[0], dx = to[1] - from[1];
    if (!(std::abs(dy) < static_cast<double>(height) && std::abs(dx) < static_cast<double>(width)))
        return false;
    const Span y = span(dy, height), x = span(dx, width);
    *out = {y.begin, y.end, x.begin, x.end, y.offset, x.offset, y.part, x.part};
    return y.begin < y.end && x.begin < x.end;
}

/// The window over its largest weight: products of weights then stay in range.
std::vector<float> weights_of(const float* window, std::int64_t pixels) {
    if (!window) return {};
    std::vector<float> weights(window, window + pixels);
    const float largest = *std::max_element(weights.begin(), weights.end());
    for (float& weight : weights) weight /= std::max(largest, 1e-30f);
    return weights;
}

}  // namespace

PTYCHOSCOPE_DISPATCH(overlap_kernel, OverlapKernels, overlap_kernels)

OverlapGraph overlap_graph(const PatchBatch& patches, const double* positions, const float* window,
                           const std::vector<PatchPair>& pairs) {
    const OverlapKernels& kernels = overlap_kernels(active_isa());
    const std::vector<float> weights = weights_of(window, patches.height * patches.width);
    OverlapGraph graph;
    graph.energy.assign(static_cast<std::size_t>(patches.count), 0);
    const auto weigh = [&](std::int64_t k, const StagedRows& rows) {
        const double sum = kernels.weigh(view_of(patches, k), window ? weights.data() : nullptr, rows.view());
        return graph.energy[static_cast<std::size_t>(k)] = std::isfinite(sum) ? sum : 0;
    };
    StagedRows here, there;
    here.reserve(patches.height + 1, patches.width);
    there.reserve(patches.height + 1, patches.width);
    std::int64_t staged = -1;
    double energy = 0;
    for (const auto& [k, l] : pairs) {
        if (staged != k) energy = weigh(k, here);
        staged = k;
        const double other = weigh(l, there);
        Overlay where;
        if (!(energy > 0 && other > 0) ||
            !overlay(positions + 2 * k, positions + 2 * l, patches.height, patches.width, &where))
            continue;
        const std::complex<double> value = kernels.overlap(here.view(), there.view(), where);
        if (std::abs(value) > kLeast * std::sqrt(energy * other)) graph.overlaps.push_back({k, l, value});
    }
    return graph;
}

}  // namespace ptychoscope
