// The components of an overlap graph, and a first guess of the phases in each. Internal.
#pragma once

#include "phase_sync/overlap_graph.h"

namespace ptychoscope {

/// At least two patches that overlaps hold together.
struct Component {
    std::vector<std::int64_t> members;
    std::vector<Overlap> overlaps;  ///< first and second as indices into `members`
    std::vector<std::complex<double>>
        phases;  ///< of the members: agree along the tree of the largest overlaps
};

std::vector<Component> components(const OverlapGraph& graph);

}  // namespace ptychoscope
