// Patches to stitch, drawn from a seed, and what canvases show.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "check.h"
#include "ptychoscope/canvas.h"

/// Up to 60 patches of any sides on a canvas of any size, with or without a window; in a batch as a network
/// or a user may hand it out.
struct Scene {
    std::int64_t count, height, width, canvas_height, canvas_width;
    std::vector<char> memory;  // of the patches
    std::vector<std::complex<float>> rotations;
    std::vector<float> window;
    std::vector<double> positions;
    ptychoscope::PatchBatch batch;

    explicit Scene(Draw& draw)
        : count(draw.whole(0, 60)),
          height(draw.whole(6, 50)),
          width(draw.whole(6, 50)),
          canvas_height(draw.whole(1, 120)),
          canvas_width(draw.whole(1, 120)),
          positions(draw.positions(count, -10, static_cast<double>(canvas_height) + 10,
                                   static_cast<double>(canvas_width) + 10)) {
        if (draw.coin())
            for (std::int64_t i = 0; i < height * width; ++i)
                window.push_back(static_cast<float>(draw.real(0, 1)));
        if (draw.whole(0, 3) == 0)
            for (double& p : positions) p = std::round(p);
        fill(draw);
    }

    const float* window_data() const { return window.empty() ? nullptr : window.data(); }

    /// The patches [from, to).
    ptychoscope::PatchBatch part(std::int64_t from, std::int64_t to) const {
        ptychoscope::PatchBatch b = batch;
        b.first = static_cast<const char*>(b.first) + from * b.patch_stride;
        b.second = static_cast<const char*>(b.second) + from * b.patch_stride;
        if (b.rotations) b.rotations += from;
        b.count = to - from;
        return b;
    }

    /// Makes a number of patches and positions infinite or no number at all.
    void spoil(Draw& draw) {
        if (count == 0) return;
        const double bad[] = {std::nan(""), std::numeric_limits<double>::infinity(), 1e300, -1e300};
        positions[static_cast<std::size_t>(draw.whole(0, 2 * count - 1))] = bad[draw.whole(0, 3)];
        const std::int64_t at = draw.whole(0, count - 1) * batch.patch_stride +
                                draw.whole(0, height - 1) * batch.row_stride +
                                draw.whole(0, width - 1) * batch.column_stride;
        const bool second = draw.coin();
        char* plane =
            memory.data() + (static_cast<const char*>(second ? batch.second : batch.first) - memory.data());
        const std::uint32_t not_a_number = 0x7fc00001, infinite = 0xff800000;
        const std::uint16_t half_infinite = 0xfc00;
        if (batch.scalar == ptychoscope::Scalar::float16)
            std::memcpy(plane + at, &half_infinite, 2);
        else
            std::memcpy(plane + at, draw.coin() ? &not_a_number : &infinite, 4);
    }

  private:
    void fill(Draw& draw) {
        using namespace ptychoscope;
        batch.count = count;
        batch.height = height;
        batch.width = width;
        batch.values = draw.coin() ? Values::real_imag : Values::amplitude_phase;
        batch.scalar = draw.whole(0, 2) ? Scalar::float32 : Scalar::float16;
        const std::int64_t size = batch.scalar == Scalar::float32 ? 4 : 2, gap = draw.whole(0, 3) * size;
        const bool interleaved = draw.coin(), upside_down = draw.whole(0, 3) == 0;
        batch.column_stride = interleaved ? 2 * size : size;
        batch.row_stride = width * batch.column_stride + gap;
        const std::int64_t plane = height * batch.row_stride;
        batch.patch_stride = interleaved ? plane : 2 * plane;
        memory.resize(static_cast<std::size_t>(count * batch.patch_stride + plane));
        batch.first = memory.data();
        batch.second = memory.data() + (interleaved ? size : plane);
        for (std::size_t i = 0; i + static_cast<std::size_t>(size) <= memory.size();
             i += static_cast<std::size_t>(size)) {
            const float value = static_cast<float>(draw.real(-3, 3));
            // A half of magnitude below 2 (or, as it happens, below the least normal one).
            const auto half = static_cast<std::uint16_t>((draw.bits() & 0x83ff) | draw.bits() % 16 << 10);
            std::memcpy(memory.data() + i, size == 4 ? static_cast<const void*>(&value) : &half,
                        static_cast<std::size_t>(size));
        }
        if (upside_down) {
            const std::int64_t last = (height - 1) * batch.row_stride;
            batch.first = static_cast<const char*>(batch.first) + last;
            batch.second = static_cast<const char*>(batch.second) + last;
            batch.row_stride = -batch.row_stride;
        }
        if (draw.whole(0, 2) == 0) {
            for (std::int64_t i = 0; i < count; ++i) {
                const double phase = draw.real(-3, 3);
                rotations.emplace_back(static_cast<float>(std::cos(phase)),
                                       static_cast<float>(std::sin(phase)));
            }
            batch.rotations = rotations.data();
        }
    }
};

/// Everything that a canvas shows, and the box that it shows.
struct Shown {
    ptychoscope::Box box;
    std::vector<std::complex<float>> image;
    std::vector<float> coverage, spread;
};

template <class AnyCanvas>
Shown shown(const AnyCanvas& canvas) {
    Shown s;
    s.box = canvas.extent();
    const auto n = static_cast<std::size_t>((s.box.row1 - s.box.row0) * (s.box.column1 - s.box.column0));
    s.image.resize(n);
    s.coverage.resize(n);
    canvas.image(s.box, s.image.data());
    canvas.coverage(s.box, s.coverage.data());
    if (!canvas.options().spread) return s;
    s.spread.resize(n);
    canvas.spread(s.box, s.spread.data());
    return s;
}

inline bool same_bits(const Shown& a, const Shown& b) {
    auto same = [](const auto& x, const auto& y) {
        return x.size() == y.size() &&
               (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0);
    };
    return std::memcmp(&a.box, &b.box, sizeof a.box) == 0 && same(a.image, b.image) &&
           same(a.coverage, b.coverage) && same(a.spread, b.spread);
}
