// Prim's tree of the largest overlaps. Where all overlaps agree, phases that agree along a tree agree
// everywhere: a start that is exact then, however long the scan.
#include <algorithm>
#include <queue>
#include <utility>

#include "phase_sync/overlap_graph.h"

namespace ptychoscope {

namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// The other end of an overlap, and sum conj(here) there.
struct Link {
    std::int64_t other;
    std::complex<double> value;
};

/// The links of every patch, one after another.
struct Links {
    explicit Links(const OverlapGraph& graph)
        : begin(graph.energy.size() + 1, 0), all(2 * graph.overlaps.size()) {
        for (const Overlap& o : graph.overlaps) ++begin[index(o.first) + 1], ++begin[index(o.second) + 1];
        for (std::size_t k = 1; k < begin.size(); ++k) begin[k] += begin[k - 1];
        std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
        for (const Overlap& o : graph.overlaps) {
            all[next[index(o.first)]++] = {o.second, o.value};
            all[next[index(o.second)]++] = {o.first, std::conj(o.value)};
        }
    }
    std::vector<std::size_t> begin;
    std::vector<Link> all;
};

/// A patch that could join the tree, and the phase that would agree with the member it touches.
struct Candidate {
    double modulus;
    std::int64_t patch;
    std::complex<double> phase;
    bool operator<(const Candidate& other) const {  // the largest first; of equal ones the first patch
        return modulus != other.modulus ? modulus < other.modulus : patch > other.patch;
    }
};

}  // namespace

std::vector<Component> components(const OverlapGraph& graph) {
    const Links links(graph);
    const std::size_t count = graph.energy.size();
    std::vector<std::int64_t> tree(count, -1), member_index(count, 0);
    std::vector<std::complex<double>> phase(count, 1);
    std::vector<Component> found;
    for (std::size_t root = 0; root < count; ++root) {
        if (tree[root] >= 0 || links.begin[root] == links.begin[root + 1]) continue;
        Component component;
        std::priority_queue<Candidate> candidates;
        candidates.push({0, static_cast<std::int64_t>(root), 1});
        while (!candidates.empty()) {
            const Candidate best = candidates.top();
            candidates.pop();
            const std::size_t k = index(best.patch);
            if (tree[k] >= 0) continue;
            tree[k] = static_cast<std::int64_t>(found.size()), phase[k] = best.phase;
            component.members.push_back(best.patch);
            for (std::size_t at = links.begin[k]; at < links.begin[k + 1]; ++at) {
                const Link& link = links.all[at];
                if (tree[index(link.other)] >= 0) continue;
                const std::complex<double> agreed = best.phase * std::conj(link.value);
                const double modulus = std::abs(agreed);
                candidates.push({modulus, link.other, agreed / modulus});
            }
        }
        std::sort(component.members.begin(), component.members.end());
        for (std::size_t i = 0; i < component.members.size(); ++i) {
            member_index[index(component.members[i])] = static_cast<std::int64_t>(i);
            component.phases.push_back(phase[index(component.members[i])]);
        }
        found.push_back(std::move(component));
    }
    for (const Overlap& o : graph.overlaps)
        found[index(tree[index(o.first)])].overlaps.push_back(
            {member_index[index(o.first)], member_index[index(o.second)], o.value});
    return found;
}

}  // namespace ptychoscope
