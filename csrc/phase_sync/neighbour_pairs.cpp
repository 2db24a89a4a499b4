// Neighbours by quadrant: patches are sorted by their row; from each, the search goes down and up until what
// comes is further away than all that were found.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "phase_sync/overlap_graph.h"

namespace ptychoscope {

namespace {

struct IndexedPosition {
    double y, x;
    std::int64_t patch;
};

/// The nearest others of one quadrant, at most as many as there is room for.
class Nearest {
  public:
    explicit Nearest(std::int64_t room) : found_(static_cast<std::size_t>(room), Found{kFar, -1}) {}
    void clear() { std::fill(found_.begin(), found_.end(), Found{kFar, -1}); }
    void offer(double distance, std::int64_t patch) {
        if (!(distance < found_.back().distance)) return;
        std::size_t at = found_.size() - 1;
        for (; at > 0 && distance < found_[at - 1].distance; --at) found_[at] = found_[at - 1];
        found_[at] = {distance, patch};
    }
    double farthest() const { return found_.back().distance; }
    template <class Take>
    void each(Take take) const {
        for (const Found& f : found_)
            if (f.patch >= 0) take(f.patch);
    }

  private:
    static constexpr double kFar = std::numeric_limits<double>::infinity();
    struct Found {
        double distance;
        std::int64_t patch;
    };
    std::vector<Found> found_;
};

/// Quadrants go over into each other by a rotation of 90 degrees, so that each of two patches is in one of
/// the other.
std::size_t quadrant(double dy, double dx, bool later) {
    if (dy == 0 && dx == 0) return later ? 0 : 2;
    if (dx > 0 && dy >= 0) return 0;
    if (dx <= 0 && dy > 0) return 1;
    return dx < 0 && dy <= 0 ? 2 : 3;
}

std::vector<IndexedPosition> sorted_by_row(const double* positions, std::int64_t count) {
    std::vector<IndexedPosition> sorted;
    for (std::int64_t i = 0; i < count; ++i)
        if (std::isfinite(positions[2 * i]) && std::isfinite(positions[2 * i + 1]))
            sorted.push_back({positions[2 * i], positions[2 * i + 1], i});
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const IndexedPosition& a, const IndexedPosition& b) { return a.y < b.y; });
    return sorted;
}

class Search {
  public:
    Search(const std::vector<IndexedPosition>& sorted, double height, double width, std::int64_t per_quadrant)
        : sorted_(sorted), height_(height), width_(width), nearest_(4, Nearest(per_quadrant)) {}

    const std::vector<Nearest>& around(std::size_t i) {
        for (Nearest& side : nearest_) side.clear();
        for (std::size_t j = i + 1; j < sorted_.size() && visit(i, j, 0, 1); ++j) {
        }
        for (std::size_t j = i; j > 0 && visit(i, j - 1, 2, 3); --j) {
        }
        return nearest_;
    }

  private:
    /// False when neither this patch nor any further one belongs to quadrants a and b, where the search goes.
    bool visit(std::size_t i, std::size_t j, std::size_t a, std::size_t b) {
        const double dy = sorted_[j].y - sorted_[i].y, dx = sorted_[j].x - sorted_[i].x;
        if (!(std::abs(dy) < height_)) return false;
        if (dy != 0 && dy * dy >= std::max(nearest_[a].farthest(), nearest_[b].farthest())) return false;
        if (std::abs(dx) < width_)
            nearest_[quadrant(dy, dx, j > i)].offer(dy * dy + dx * dx, sorted_[j].patch);
        return true;
    }

    const std::vector<IndexedPosition>& sorted_;
    double height_, width_;
    std::vector<Nearest> nearest_;
};

}  // namespace

std::vector<PatchPair> neighbours(const double* positions, std::int64_t count, std::int64_t height,
                                  std::int64_t width, std::int64_t per_quadrant) {
    const std::vector<IndexedPosition> sorted = sorted_by_row(positions, count);
    Search search(sorted, static_cast<double>(height), static_cast<double>(width), per_quadrant);
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    for (std::size_t i = 0; i < sorted.size(); ++i)
        for (const Nearest& side : search.around(i))
            side.each([&](std::int64_t other) { found.push_back(std::minmax(sorted[i].patch, other)); });
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    std::vector<PatchPair> pairs;
    for (const auto& [first, second] : found) pairs.push_back({first, second});
    return pairs;
}

}  // namespace ptychoscope
