// Patches as a device reads them: where each lies, whether it is finite, and its values as float32 parts.
//
// The idea. Every patch is inspected once, by one block of threads, before anything of it is added: the
// largest of its values says whether all are finite (and, for exact sums, within the bound). Real and
// imaginary parts in float32 are then read where they lie. Float16, amplitudes and phases, and patches that
// are to be rotated are converted on that occasion, once, into a buffer.
#pragma once

#include <cmath>

#include "ptychoscope/canvas.h"
#include "stitch/placement.h"
#include "stitch_cuda/host_device.h"

namespace ptychoscope {

/// binary16. Exact: every such number is a float.
PTYCHOSCOPE_HOST_DEVICE float float_of_half(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
    const float magnitude = bits_as<float>(rest << 13) * 0x1p112f;    // the exponents' offsets differ by 112
    const std::uint32_t special = rest >= 0x7c00 ? 0x7f800000u : 0u;  // infinity, NaN
    return bits_as<float>(bits_as<std::uint32_t>(magnitude) | sign | special);
}

/// Real and imaginary part of a value given by amplitude and phase (radians); the same operations as for the
/// CPU's vectors, see polar.inl.
PTYCHOSCOPE_HOST_DEVICE void parts_of_polar(float amplitude, float phase, float* re, float* im) {
    if (fabsf(phase) >= 8192) {
        *re = amplitude * static_cast<float>(cos(static_cast<double>(phase)));
        *im = amplitude * static_cast<float>(sin(static_cast<double>(phase)));
        return;
    }
    const float shifted = fmaf(phase, 0.636619772f, 0x1.8p23f);
    const std::uint32_t quadrant = bits_as<std::uint32_t>(shifted);
    const float n = 0x1.8p23f - shifted;
    const float x = fmaf(n, 0x1.4442d2p-24f, fmaf(n, 0x1.fb4p-12f, fmaf(n, 0x1.92p0f, phase)));
    const float z = x * x;
    const float s = fmaf(z * x, fmaf(z, fmaf(z, -1.9515295891e-4f, 8.3321608736e-3f), -1.6666654611e-1f), x);
    const float c =
        fmaf(z * z, fmaf(z, fmaf(z, 2.443315711809948e-5f, -1.388731625493765e-3f), 4.166664568298827e-2f),
             fmaf(z, -0.5f, 1.0f));
    const bool even = (quadrant & 1) == 0;
    const std::uint32_t sine = bits_as<std::uint32_t>(even ? s : c) ^ (quadrant & 2) << 30;
    const std::uint32_t cosine = bits_as<std::uint32_t>(even ? c : s) ^ ((quadrant + 1) & 2) << 30;
    *re = amplitude * bits_as<float>(cosine);
    *im = amplitude * bits_as<float>(sine);
}

/// Inspects every patch: one block each.
struct InspectPatches {
    static constexpr int kColumns = 32, kRows = 8;
    PatchBatch from;             // rotations: on the device, or nullptr
    float* converted = nullptr;  // (count, height, width, 2) real and imaginary parts, or nullptr
    std::uint32_t* largest =
        nullptr;  // (count): 0 before; then the bits of the largest |value|, or of infinity

    PTYCHOSCOPE_HOST_DEVICE float value(const void* plane, std::int64_t at) const {
        const char* address = static_cast<const char*>(plane) + at;
        return from.scalar == Scalar::float16
                   ? float_of_half(*reinterpret_cast<const std::uint16_t*>(address))
                   : *reinterpret_cast<const float*>(address);
    }

    PTYCHOSCOPE_HOST_DEVICE void convert(float first, float second, std::int64_t patch, float* to) const {
        if (from.values == Values::amplitude_phase) parts_of_polar(first, second, &first, &second);
        const float* rotation = reinterpret_cast<const float*>(from.rotations);
        if (rotation) {
            const float cosine = rotation[2 * patch], sine = rotation[2 * patch + 1];
            const float re = first * cosine - second * sine;
            second = first * sine + second * cosine;
            first = re;
        }
        to[0] = first;
        to[1] = second;
    }

    PTYCHOSCOPE_HOST_DEVICE void operator()(const Thread& t) const {
        float most = 0;
        for (std::int64_t row = t.y; row < from.height; row += kRows)
            for (std::int64_t column = t.x; column < from.width; column += kColumns) {
                const std::int64_t at =
                    t.block * from.patch_stride + row * from.row_stride + column * from.column_stride;
                const float first = value(from.first, at), second = value(from.second, at);
                const float size = from.values == Values::amplitude_phase
                                       ? fabsf(first)
                                       : fmaxf(fabsf(first), fabsf(second));
                const bool finite = first - first == 0 && second - second == 0;
                most = fmaxf(most, finite ? size : bits_as<float>(0x7f800000u));
                if (converted)
                    convert(first, second, t.block,
                            converted + 2 * ((t.block * from.height + row) * from.width + column));
            }
        atomic_max(largest + t.block, bits_as<std::uint32_t>(most));  // floats >= 0 are ordered as their bits
    }
};

/// What the host learns of a patch: pixels of the canvas that it reaches, and its largest value.
struct PatchSummary {
    std::int32_t row0 = 0, row1 = 0, column0 = 0, column1 = 0;
    float largest = 0;
};

/// Works out where the patches lie: one thread each.
struct PlacePatches {
    static constexpr int kBlock = 128;
    const double* positions = nullptr;  // (count, 2)
    const std::uint32_t* largest = nullptr;
    std::int64_t count = 0, height = 0, width = 0;
    Interpolation interpolation = Interpolation::bilinear;
    Box canvas;
    Placement* placements = nullptr;
    PatchSummary* summaries = nullptr;

    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return count; }
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        const double y = positions[2 * i], x = positions[2 * i + 1];
        const bool known = y - y == 0 && x - x == 0;  // finite
        const bool finite = largest[i] < 0x7f800000u;
        Placement p;
        if (known && finite) p = place_patch(y, x, height, width, interpolation, canvas);
        if (p.box.empty()) p.box = {};
        placements[i] = p;
        summaries[i] = {static_cast<std::int32_t>(p.box.row0), static_cast<std::int32_t>(p.box.row1),
                        static_cast<std::int32_t>(p.box.column0), static_cast<std::int32_t>(p.box.column1),
                        bits_as<float>(largest[i])};
    }
};

}  // namespace ptychoscope
