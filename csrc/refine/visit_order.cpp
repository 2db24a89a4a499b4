#include <algorithm>
#include <map>
#include <utility>

#include "refine/frame_store.h"

namespace ptychoscope {

namespace {

/// A sweep goes through the four colours this many times, with part of each tile's frames: neighbours in
/// other tiles are visited before a tile is finished, which is nearly as good as a wholly random order.
constexpr int kRounds = 4;

/// SplitMix64: small, and the same everywhere, which the standard library's distributions are not.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    int below(int bound) {
        state_ += 0x9e3779b97f4a7c15u;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return static_cast<int>((z ^ (z >> 31)) % static_cast<std::uint64_t>(bound));
    }

    template <class Values>
    void shuffle(Values& values) {
        for (std::size_t i = values.size(); i > 1; --i)
            std::swap(values[i - 1], values[static_cast<std::size_t>(below(static_cast<int>(i)))]);
    }

  private:
    std::uint64_t state_;
};

int floor_divide(int a, int b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

std::vector<TileColour> sweep_order(const std::vector<int>& frames, const std::vector<Corner>& corners,
                                    int reach, std::uint64_t seed) {
    Random random(seed);
    const int offset_y = random.below(reach), offset_x = random.below(reach);
    std::map<std::pair<int, int>, Tile> tiles;
    for (int frame : frames) {
        const Corner& c = corners[static_cast<std::size_t>(frame)];
        tiles[{floor_divide(c.y + offset_y, reach), floor_divide(c.x + offset_x, reach)}].push_back(frame);
    }
    for (auto& [cell, tile] : tiles) random.shuffle(tile);
    std::vector<TileColour> order;
    std::vector<int> colours = {0, 1, 2, 3};
    for (int round = 0; round < kRounds; ++round) {
        random.shuffle(colours);
        for (int colour : colours) {
            TileColour visited;
            for (const auto& [cell, tile] : tiles) {
                if ((cell.first & 1) * 2 + (cell.second & 1) != colour) continue;
                const std::size_t rounds = kRounds, r = static_cast<std::size_t>(round), n = tile.size();
                const auto begin = tile.begin() + static_cast<std::ptrdiff_t>(n * r / rounds);
                const auto end = tile.begin() + static_cast<std::ptrdiff_t>(n * (r + 1) / rounds);
                if (begin != end) visited.emplace_back(begin, end);
            }
            std::stable_sort(visited.begin(), visited.end(),
                             [](const Tile& a, const Tile& b) { return a.size() > b.size(); });
            if (!visited.empty()) order.push_back(std::move(visited));
        }
    }
    return order;
}

}  // namespace ptychoscope
