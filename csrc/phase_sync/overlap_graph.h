// The graph of overlaps: which patches lie over which, and by how much they agree. Internal.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "ptychoscope/canvas.h"

namespace ptychoscope {

/// Two patches, first < second.
struct PatchPair {
    std::int64_t first = 0, second = 0;
};

/// The pairs of overlapping patches, sorted: every patch (height x width pixels) with the nearest in each
/// quadrant around it. By quadrants, because the nearest of all may lie on one line of a scan and hold
/// nothing together. Positions (count, 2) that are not finite have no neighbours.
std::vector<PatchPair> neighbours(const double* positions, std::int64_t count, std::int64_t height,
                                  std::int64_t width, std::int64_t per_quadrant);

struct Overlap {
    std::int64_t first = 0, second = 0;
    std::complex<double> value;
};

struct OverlapGraph {
    std::vector<Overlap> overlaps;  ///< of the pairs, but those that are zero to rounding
    std::vector<double> energy;  ///< (count) sum_r |w g_k|^2; 0 for patches that are in no pair or not finite
};

OverlapGraph overlap_graph(const PatchBatch& patches, const double* positions, const float* window,
                           const std::vector<PatchPair>& pairs);

/// At least two patches that overlaps hold together.
struct Component {
    std::vector<std::int64_t> members;
    std::vector<Overlap> overlaps;  ///< first and second as indices into `members`
    std::vector<std::complex<double>>
        phases;  ///< of the members: agree along the tree of the largest overlaps
};

std::vector<Component> components(const OverlapGraph& graph);

}  // namespace ptychoscope
