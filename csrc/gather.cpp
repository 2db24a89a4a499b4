#include "gather.h"

namespace ptychoscope {

TileLists tile_lists(const std::vector<Placement>& placements, const Box& dirty) {
    TileLists lists;
    if (dirty.empty()) return lists;
    lists.row0 = dirty.row0 / kTileSide * kTileSide;
    lists.column0 = dirty.column0 / kTileSide * kTileSide;
    lists.rows = (dirty.row1 - lists.row0 + kTileSide - 1) / kTileSide;
    lists.columns = (dirty.column1 - lists.column0 + kTileSide - 1) / kTileSide;

    auto on_each_tile = [&](const Box& box, auto&& visit) {
        if (box.empty()) return;
        for (std::int64_t y = (box.row0 - lists.row0) / kTileSide;
             y <= (box.row1 - 1 - lists.row0) / kTileSide; ++y)
            for (std::int64_t x = (box.column0 - lists.column0) / kTileSide;
                 x <= (box.column1 - 1 - lists.column0) / kTileSide; ++x)
                visit(static_cast<std::size_t>(y * lists.columns + x));
    };
    // Count, sum up, fill: patches come in their order, so every list is in order.
    lists.first.assign(static_cast<std::size_t>(lists.tiles()) + 1, 0);
    for (const Placement& p : placements)
        on_each_tile(p.box, [&](std::size_t tile) { ++lists.first[tile + 1]; });
    for (std::size_t tile = 1; tile < lists.first.size(); ++tile) lists.first[tile] += lists.first[tile - 1];
    std::vector<std::int64_t> next = lists.first;
    lists.entry.resize(static_cast<std::size_t>(lists.first.back()));
    for (std::size_t i = 0; i < placements.size(); ++i)
        on_each_tile(placements[i].box, [&](std::size_t tile) {
            lists.entry[static_cast<std::size_t>(next[tile]++)] = static_cast<std::int32_t>(i);
        });
    return lists;
}

}  // namespace ptychoscope
