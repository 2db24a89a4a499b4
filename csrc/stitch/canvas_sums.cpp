#include "stitch/canvas_sums.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace ptychoscope {

namespace {

constexpr std::int64_t kLine = 16;  // floats in a cache line

/// The least odd number of cache lines that holds n floats, in floats: rows an odd number of lines apart
/// spread over all sets of a cache, where rows 2 or 4 KiB apart would drive each other out.
std::int64_t odd_lines(std::int64_t n) { return ((n + kLine - 1) / kLine | 1) * kLine; }

double largest_count(const void* plane, std::int64_t n) {
    const std::int64_t* counts = static_cast<const std::int64_t*>(plane);
    double largest = 0;
    for (std::int64_t i = 0; i < n; ++i)
        largest = std::max(largest, std::fabs(static_cast<double>(counts[i])));
    return largest;
}

std::int64_t floats_per_element(Accumulate accumulate) { return accumulate == Accumulate::float32 ? 1 : 2; }

}  // namespace

Box union_of(const Box& a, const Box& b) {
    if (a.empty()) return b;
    if (b.empty()) return a;
    return {std::min(a.row0, b.row0), std::max(a.row1, b.row1), std::min(a.column0, b.column0),
            std::max(a.column1, b.column1)};
}

Box intersection(const Box& a, const Box& b) {
    return {std::max(a.row0, b.row0), std::min(a.row1, b.row1), std::max(a.column0, b.column0),
            std::min(a.column1, b.column1)};
}

Accumulator::Accumulator(const Box& box, Accumulate accumulate, Kept kept)
    : box_(box), accumulate_(accumulate), kept_(kept) {
    const std::int64_t floats = floats_per_element(accumulate);
    const std::int64_t width = (box.column1 - box.column0 + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
    sums_.pitch = odd_lines(width * floats) / floats;
    const std::int64_t plane = (box.row1 - box.row0) * sums_.pitch * floats + 8 * kLine;
    memory_ = AlignedFloats(static_cast<std::size_t>(plane * count()));
    sums_.re = memory_.get();
    sums_.im = memory_.get() + plane;
    if (kept != Kept::sum) sums_.weight = memory_.get() + 2 * plane;
    if (kept == Kept::spread) sums_.moment = memory_.get() + 3 * plane;
}

std::int64_t Accumulator::bytes_per_pixel() const { return 4 * floats_per_element(accumulate_) * count(); }

void Accumulator::set_quanta(double quantum, double moment_quantum) {
    sums_.quantum = quantum;
    sums_.moment_quantum = moment_quantum;
}

void Accumulator::grow_to(const Box& box) {
    Accumulator larger(box, accumulate_, kept_);
    larger.set_quanta(sums_.quantum, sums_.moment_quantum);
    const std::int64_t size = 4 * floats_per_element(accumulate_);
    const std::size_t bytes = static_cast<std::size_t>((box_.column1 - box_.column0) * size);
    const void* from[] = {sums_.re, sums_.im, sums_.weight, sums_.moment};
    void* to[] = {larger.sums_.re, larger.sums_.im, larger.sums_.weight, larger.sums_.moment};
    for (int plane = 0; plane < count(); ++plane)
        for (std::int64_t row = box_.row0; row < box_.row1; ++row)
            std::memcpy(static_cast<char*>(to[plane]) + larger.at(row, box_.column0) * size,
                        static_cast<const char*>(from[plane]) + at(row, box_.column0) * size, bytes);
    *this = std::move(larger);
}

LargestCounts Accumulator::largest_counts() const {
    const std::int64_t n = elements();
    const auto largest = [n](const void* plane) { return plane ? largest_count(plane, n) : 0; };
    return {std::max({largest(sums_.re), largest(sums_.im), largest(sums_.weight)}), largest(sums_.moment)};
}

void StagedRows::reserve(std::int64_t rows, std::int64_t width) {
    if (rows <= view_.rows && width == width_) return;
    const std::int64_t pitch = odd_lines(width + 2 * kPadColumns), plane = (rows + 1) * pitch;
    memory_ = AlignedFloats(static_cast<std::size_t>(2 * plane));
    width_ = width;
    float* corner = memory_.get() + pitch + kPadColumns;
    view_ = {corner, corner + plane, pitch, rows};
}

}  // namespace ptychoscope
