// A strip of a patch: shift, weigh, add once per pixel.
//
// The idea. The fraction of a pixel by which a patch is off the canvas' grid is the same for all its pixels,
// so interpolation is a shift in x followed by a shift in y, each a sum of `Taps` neighbours with constant
// weights. A strip is `Blocks` vectors side by side, as many as registers hold. Going down it, the last rows,
// already shifted in x, stay in registers: every pixel of the patch is loaded once, every pixel of the canvas
// read and written once. Loads are what takes longest, and those across a cache line twice as long. So
// vectors are aligned with the patch while they are worked on, neighbours come from shuffles, and the result
// is moved by whole lanes, at the very end, into vectors that are aligned with the canvas.
//
// Every product is rounded by a named operation, so the bits depend neither on bands of rows nor on strips.
#pragma once

#include <algorithm>
#include <utility>

#include "cpu/simd.h"
#include "stitch/stitch_kernel.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

// Arrays of vectors become registers only where the compiler sees all indices at once.
#ifndef PTYCHOSCOPE_INLINE
#define PTYCHOSCOPE_INLINE __attribute__((always_inline))
#endif

/// f(0), f(1) ... f(N - 1), written out.
template <class F, int... I>
PTYCHOSCOPE_INLINE inline void unrolled([[maybe_unused]] F f, std::integer_sequence<int, I...>) {
    (f(std::integral_constant<int, I>()), ...);
}
template <int N, class F>
PTYCHOSCOPE_INLINE inline void unrolled(F f) {
    unrolled(f, std::make_integer_sequence<int, N>());
}

/// Weights of the taps of both axes.
template <int Taps>
struct Weights {
    vfloat y[Taps], x[Taps];
    Weights(const float* of_y, const float* of_x) {
        for (int t = 0; t < Taps; ++t) y[t] = broadcast(of_y[t]), x[t] = broadcast(of_x[t]);
    }
};

/// A plane of floats. A row that it does not have only ever gets weight zero: one that it has stands in.
struct Plane {
    const float* first = nullptr;
    int64_t pitch = 0, height = 0;
    const float* row(int64_t r) const { return first + std::clamp<int64_t>(r, 0, height - 1) * pitch; }
};

/// The columns of a strip, from `start` on; pointers to rows point at `start`.
template <int Blocks>
struct StripColumns {
    int64_t start;
    bool has_left, has_right;
    vmask last, right;  // columns that the patch has, in the last block and the one after it

    StripColumns(int64_t from, int64_t width)
        : start(from),
          has_left(from > 0),
          has_right(from + Blocks * kLanes < width),
          last(lanes_in(from + (Blocks - 1) * kLanes, 0, width)),
          right(lanes_in(from + Blocks * kLanes, 0, width)) {}

    /// Block b, -1 <= b <= Blocks, 0 where the patch ends.
    PTYCHOSCOPE_INLINE vfloat load_block(const float* row, int b) const {
#if defined(PTYCHOSCOPE_MASKED_LOADS)
        if (b < 0) return has_left ? load(row - kLanes) : vfloat{};
        if (b == Blocks) return has_right ? load(row + b * kLanes, right) : vfloat{};
        if (b == Blocks - 1) return load(row + b * kLanes, last);
#endif
        return load(row + b * kLanes);
    }
};

/// v[c - K].
template <int K>
PTYCHOSCOPE_INLINE inline vfloat neighbour(vfloat before, vfloat v, vfloat after) {
    if constexpr (K > 0)
        return joined<kLanes - K>(before, v);
    else if constexpr (K < 0)
        return joined<-K>(v, after);
    else
        return v;
}

/// The last rows of a plane in a strip, shifted in x, newest first, and the blocks that are being shifted.
template <int Taps, int Blocks>
struct Rows {
    static constexpr int lead = lead_of(Taps);
    vfloat kept[Taps > 1 ? Taps - 1 : 1][Blocks];
    vfloat before{}, v{}, after{};

    PTYCHOSCOPE_INLINE void start(const StripColumns<Blocks>& columns, const float* row) {
        before = Taps > 1 ? columns.load_block(row, -1) : vfloat{};
        v = columns.load_block(row, 0);
    }

    /// Block b of the row, shifted in x; blocks come in their order.
    PTYCHOSCOPE_INLINE vfloat shift(const StripColumns<Blocks>& columns, const float* row, int b,
                                    const Weights<Taps>& weights) {
        if (lead > 0 || b + 1 < Blocks) after = columns.load_block(row, b + 1);
        vfloat sum = weights.x[0] * neighbour<-lead>(before, v, after);
        unrolled<Taps - 1>([&](auto t) PTYCHOSCOPE_INLINE {
            sum = fma(weights.x[t + 1], neighbour<t + 1 - lead>(before, v, after), sum);
        });
        before = v;
        v = after;
        return sum;
    }

    /// The rows above row r.
    PTYCHOSCOPE_INLINE void fill(const StripColumns<Blocks>& columns, const Plane& plane, int64_t r,
                                 const Weights<Taps>& weights) {
        unrolled<Taps - 1>([&](auto t) PTYCHOSCOPE_INLINE {
            const float* row = plane.row(r - 1 - t) + columns.start;
            start(columns, row);
            unrolled<Blocks>([&](auto b)
                                 PTYCHOSCOPE_INLINE { kept[t][b] = shift(columns, row, b, weights); });
        });
    }

    /// What block b predicts for the canvas.
    PTYCHOSCOPE_INLINE vfloat predict(const StripColumns<Blocks>& columns, const float* row, int b,
                                      const Weights<Taps>& weights) {
        const vfloat newest = shift(columns, row, b, weights);
        vfloat sum = weights.y[0] * newest;
        unrolled<Taps - 1>([&](auto t) PTYCHOSCOPE_INLINE { sum = fma(weights.y[t + 1], kept[t][b], sum); });
        unrolled<(Taps > 2 ? Taps - 2 : 0)>(
            [&](auto t) PTYCHOSCOPE_INLINE { kept[Taps - 2 - t][b] = kept[Taps - 3 - t][b]; });
        if (Taps > 1) kept[0][b] = newest;
        return sum;
    }
};

// The lines that a block of two planes fills. Fetched block by block: more at once get lost.
constexpr int kLinesPerBlock = kLanes > 8 ? kLanes / 8 : 1;

/// What is placed: a patch, or the staged rows of one.
struct StripJob {
    const Placement& p;
    Plane re, im, window;   // window.first: nullptr for none
    int64_t width;          // of the patch
    int64_t first_row = 0;  // canvas row of row 0 of `re` and `im`
    int64_t row0, row1;     // of the canvas
    Prefetch& prefetch;
};

/// Places the blocks from column `start` of the patch on.
template <int Taps, int Blocks, bool Windowed, Kept kept, class Sum>
void place_strip(const StripJob job, const Sum sum, int64_t start) {
    constexpr int window_taps = Taps == 1 ? 1 : 2, lead = lead_of(Taps);
    const Placement& p = job.p;
    const StripColumns<Blocks> columns(start, job.width);
    const Weights<Taps> weights(p.y, p.x);
    const Weights<window_taps> window_weights(p.window_y, p.window_x);

    const int64_t column = p.left + start, aligned = column & -int64_t{kLanes};
    const LaneShift lanes(static_cast<int>(column - aligned));
    vmask reached[Blocks + 1];
    for (int b = 0; b <= Blocks; ++b)
        reached[b] = lanes_in(aligned + b * kLanes, std::max(p.box.column0, column),
                              std::min(p.box.column1, column + Blocks * kLanes));
    // The vectors at the ends may lie outside the canvas. They then have nothing to add, anywhere.
    const int64_t begin = any(reached[0]) ? 0 : kLanes;
    const int64_t end = any(reached[Blocks]) ? Blocks * kLanes : (Blocks - 1) * kLanes;

    int64_t r = job.row0 - job.first_row + lead;
    Rows<Taps, Blocks> re, im;
    Rows<window_taps, Blocks> w;
    re.fill(columns, job.re, r, weights);
    im.fill(columns, job.im, r, weights);
    const float *re_row = job.re.row(r) + start, *im_row = job.im.row(r) + start, *w_row = nullptr;
    if constexpr (Windowed) {
        w.fill(columns, job.window, job.row0 - p.top, window_weights);
        w_row = job.window.row(job.row0 - p.top) + start;
    }
    Prefetch prefetch = job.prefetch;  // in registers
    int64_t at = job.row0 * sum.pitch + aligned;
    for (int64_t row = job.row0; row < job.row1; ++row, ++r, at += sum.pitch) {
        re.start(columns, re_row);
        im.start(columns, im_row);
        if constexpr (Windowed) w.start(columns, w_row);
        vfloat re_before{}, im_before{}, w_before{};
        unrolled<Blocks + 1>([&](auto b) PTYCHOSCOPE_INLINE {
            vfloat re_now{}, im_now{}, w_now{}, weight = broadcast(1.0f);
            if constexpr (b < Blocks) {
                prefetch.fetch<kLinesPerBlock>();
                re_now = lanes.rotate(re.predict(columns, re_row, b, weights));
                im_now = lanes.rotate(im.predict(columns, im_row, b, weights));
                if constexpr (Windowed) w_now = lanes.rotate(w.predict(columns, w_row, b, window_weights));
            }
            weight = Windowed ? lanes.join(w_before, w_now, reached[b]) : keep(weight, reached[b]);
            sum.template add<kept>(at + (b == 0        ? begin
                                         : b == Blocks ? end
                                                       : b * kLanes),
                                   lanes.join(re_before, re_now, reached[b]),
                                   lanes.join(im_before, im_now, reached[b]), weight);
            re_before = re_now;
            im_before = im_now;
            w_before = w_now;
        });
        if (r + 1 < job.re.height) re_row += job.re.pitch, im_row += job.im.pitch;
        if constexpr (Windowed) w_row += job.window.pitch;
    }
    job.prefetch = prefetch;
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
