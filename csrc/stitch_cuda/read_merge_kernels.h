// What is done to whole boxes of a canvas on a device, pixel by pixel: reading, merging, finding the
// largest count. One thread per pixel.
#pragma once

#include "stitch_cuda/host_device.h"
#include "stitch_cuda/sum_types.h"

namespace ptychoscope {

/// Rows and columns of elements of planes; element (r, c) is at `start + r * pitch + c`.
struct Pixels {
    std::int64_t start = 0, rows = 0, columns = 0, pitch = 0;
    constexpr std::int64_t count() const { return rows * columns; }
    PTYCHOSCOPE_HOST_DEVICE std::int64_t at(std::int64_t i) const {
        return start + i / columns * pitch + i % columns;
    }
};

/// Reads pixels into arrays of their shape, those that are not nullptr.
struct Output {
    float* image = nullptr;  // real and imaginary part
    float* coverage = nullptr;
    float* spread = nullptr;
};

struct PixelCall {
    Sums sums;
    Pixels pixels;
    Output output;                     // ReadPixels
    Sums other;                        // MergePixels: what is added
    Pixels other_pixels;               // as many
    std::uint64_t* largest = nullptr;  // LargestPixel: of re, im, weight; of moment
};

template <class Pixel>
struct PixelKernel {
    static constexpr int kBlock = 256;
    PixelCall call;
    PTYCHOSCOPE_HOST_DEVICE std::int64_t threads() const { return call.pixels.count(); }
    PTYCHOSCOPE_HOST_DEVICE static Pixel load(const Sums& sums, std::int64_t at) {
        Pixel pixel;
        pixel.load(PlanesOf<typename Pixel::Number>(sums), at);
        return pixel;
    }
};

template <class Pixel>
struct ReadPixels : PixelKernel<Pixel> {
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        const PixelCall& c = this->call;
        const PixelReading reading = this->load(c.sums, c.pixels.at(i)).read(c.sums);
        if (c.output.image) {
            c.output.image[2 * i] = reading.re;
            c.output.image[2 * i + 1] = reading.im;
        }
        if (c.output.coverage) c.output.coverage[i] = reading.weight;
        if (c.output.spread) c.output.spread[i] = reading.spread;
    }
};

template <class Pixel>
struct MergePixels : PixelKernel<Pixel> {
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        const PixelCall& c = this->call;
        Pixel pixel = this->load(c.sums, c.pixels.at(i));
        pixel.merge(this->load(c.other, c.other_pixels.at(i)));
        pixel.store(PlanesOf<typename Pixel::Number>(c.sums), c.pixels.at(i));
    }
};

PTYCHOSCOPE_HOST_DEVICE std::uint64_t magnitude(std::int64_t count) {
    return static_cast<std::uint64_t>(count < 0 ? -count : count);
}

struct LargestPixel : PixelKernel<ExactPixel> {
    PTYCHOSCOPE_HOST_DEVICE void at(std::int64_t i) const {
        const ExactPixel pixel = load(call.sums, call.pixels.at(i));
        atomic_max(call.largest, magnitude(pixel.re));
        atomic_max(call.largest, magnitude(pixel.im));
        atomic_max(call.largest, magnitude(pixel.weight));
        atomic_max(call.largest + 1, magnitude(pixel.moment));
    }
};

}  // namespace ptychoscope
