// The pairs of patches whose overlap is measured, against a search through all.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "check.h"
#include "phase_sync/overlap_graph.h"

using namespace ptychoscope;

namespace {

/// Each with the nearest of every quadrant, by comparing all. A quadrant holds the axis that begins it.
void nearest_of_each_quadrant() {
    constexpr std::int64_t kCount = 70, kHeight = 20, kWidth = 30;
    for (std::int64_t per_quadrant = 1; per_quadrant < 4; ++per_quadrant) {
        Draw draw(static_cast<std::uint64_t>(per_quadrant));
        const std::vector<double> at = draw.positions(kCount, 0, 60, 90);
        std::set<std::pair<std::int64_t, std::int64_t>> wanted, found;
        for (std::int64_t k = 0; k < kCount; ++k)
            for (int quadrant = 0; quadrant < 4; ++quadrant) {
                std::vector<std::pair<double, std::int64_t>> others;
                for (std::int64_t l = 0; l < kCount; ++l) {
                    double dy = at[2 * l] - at[2 * k], dx = at[2 * l + 1] - at[2 * k + 1];
                    if (l == k || std::abs(dy) >= kHeight || std::abs(dx) >= kWidth) continue;
                    for (int quarter = 0; quarter < quadrant; ++quarter) dy = std::exchange(dx, dy), dy = -dy;
                    if (dx > 0 && dy >= 0) others.emplace_back(dy * dy + dx * dx, l);
                }
                std::sort(others.begin(), others.end());
                for (std::size_t i = 0; i < std::min<std::size_t>(others.size(), per_quadrant); ++i)
                    wanted.insert(std::minmax(k, others[i].second));
            }
        for (const PatchPair& pair : neighbours(at.data(), kCount, kHeight, kWidth, per_quadrant))
            found.emplace(pair.first, pair.second);
        CHECK(found == wanted);
    }
}

}  // namespace

int main() { nearest_of_each_quadrant(); }
