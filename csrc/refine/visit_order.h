// The order in which a sweep visits frames: what may run side by side, and in which sequence.
#pragma once

#include <cstdint>
#include <vector>

namespace ptychoscope {

struct Corner {
    int y = 0, x = 0;
};

/// Frames of one tile, visited one after the other.
using Tile = std::vector<int>;
/// Tiles whose windows cannot touch: they may run side by side. Phases follow one another.
using Phase = std::vector<Tile>;

/// Every frame of `frames` once. `reach` is the number of pixels that a visit reads or writes along an axis,
/// `corners` are indexed by frame. The same arguments give the same order on every machine.
std::vector<Phase> sweep_order(const std::vector<int>& frames, const std::vector<Corner>& corners, int reach,
                               std::uint64_t seed);

}  // namespace ptychoscope
