// What a canvas holds and does alike wherever its sums lie: on the host or on a device. Internal to
// canvas*.cpp and cuda_canvas*.cpp.
#pragma once

#include <mutex>
#include <utility>

#include "stitch/canvas_checks.h"
#include "stitch/canvas_sums.h"

namespace ptychoscope {

/// The part of a canvas' state that does not hold sums; those are given to what works on them.
template <class Options>
struct SharedState {
    Options options;
    Box extent;  // what the user sees
    Box dirty;
    std::int64_t window_height = 0, window_width = 0;  // 0: no window
    OverflowGuard overflow_guard;
    mutable std::mutex mutex;

    SharedState(std::int64_t height, std::int64_t width, const Options& o)
        : options(o), extent{0, height, 0, width} {}

    Box locked_extent() const {
        std::lock_guard<std::mutex> lock(mutex);
        return extent;
    }

    Box take_dirty() {
        std::lock_guard<std::mutex> lock(mutex);
        return std::exchange(dirty, Box{});
    }

    /// exact: settles what one count means.
    template <class Sums>
    void set_quanta(Sums& sums, double largest_weight) {
        if (options.accumulate != Accumulate::exact) return;
        overflow_guard = OverflowGuard(options.bound, largest_weight);
        sums.set_quanta(overflow_guard.quantum(), overflow_guard.moment_quantum());
    }

    /// Makes `box` part of the extent.
    template <class Sums>
    void grow(Sums& sums, const Box& box) {
        const Box wanted = union_of(extent, box),
                  held = box_with_margin(sums.box(), wanted, options.max_pixels);
        if (!contains(sums.box(), held)) sums.grow_to(held);
        extent = wanted;
    }

    /// Makes room for the sums of `other`, which are `added`, and takes note of them before they are added.
    template <class Sums>
    void expect(Sums& sums, const SharedState& other, const Sums& added) {
        grow(sums, other.extent);
        if (options.accumulate == Accumulate::exact)
            overflow_guard.note(
                other.overflow_guard, [&] { return sums.largest_counts(); },
                [&] { return added.largest_counts(); });
    }
};

/// Merges canvases, both locked: `add(box)` adds the sums in the extent of `from`.
template <class State, class Add>
void merge_into(State& to, const State& from, Add add) {
    require(&to != &from, "a canvas cannot be merged with itself");
    std::scoped_lock lock(to.mutex, from.mutex);
    check_merge(to.options, to.extent, to.accumulator.sums().quantum, from.options, from.extent,
                from.accumulator.sums().quantum);
    add(from.extent);
    to.dirty = union_of(to.dirty, from.extent);
}

}  // namespace ptychoscope
