#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu/dispatch.h"
#include "cpu/thread_pool.h"
#include "preprocess/frame_kernel.h"

namespace ptychoscope {

PTYCHOSCOPE_DISPATCH(frame_kernel, FrameKernels, frame_kernels)

namespace {

constexpr std::int64_t kMaxSide = 1 << 16, kMaxBin = 128, kFarthest = 1 << 20;  // pixels

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("FramePreprocessor: " + message);
}

void check(const FrameSteps& s) {
    const auto side_in_range = [](std::int64_t n) { return n >= 1 && n <= kMaxSide; };
    require(side_in_range(s.height) && side_in_range(s.width),
            "a frame of " + std::to_string(s.height) + " x " + std::to_string(s.width) +
                ": each side must be between 1 and " + std::to_string(kMaxSide));
    require(s.bin >= 1 && s.bin <= kMaxBin,
            "bin must be between 1 and " + std::to_string(kMaxBin) + ", got " + std::to_string(s.bin));
    require(side_in_range(s.side) && side_in_range(s.side * s.bin),
            "a pattern of side " + std::to_string(s.side) + " with bin " + std::to_string(s.bin) +
                ": the window's side must be between 1 and " + std::to_string(kMaxSide));
    const auto near = [](std::int64_t n) { return n >= -kFarthest && n <= kFarthest; };
    require(near(s.row) && near(s.column),
            "the window's corner must be within " + std::to_string(kFarthest) + " pixels");
    require(s.threshold >= 0, "threshold must be above 0, or 0 for none");
    require(std::isfinite(s.factor) && s.factor > 0, "factor must be finite and above 0");
}

std::size_t bytes_of(PixelType type) {
    return type == PixelType::uint8 ? 1 : type == PixelType::uint16 ? 2 : 4;
}

}  // namespace

struct FramePreprocessor::State {
    State(const FrameSteps& s, int threads)
        : height(s.height), width(s.width), side(s.side), bin(s.bin), pool(threads) {
        // What no float reaches is no threshold.
        const bool none = s.threshold == 0 || s.threshold > std::numeric_limits<float>::max();
        rules = {none ? std::numeric_limits<double>::infinity() : s.threshold, s.all_ones, s.negative,
                 s.amplitudes_in, s.amplitudes_out};
        place_window(s);
        weigh(s.factor);
        leave_out(s);
        orient(s);
        layout.side = side, layout.bin = bin;
        layout.rows = rows.data();
        layout.runs = runs.data(), layout.run_count = static_cast<int>(runs.size());
        layout.good = good.data(), layout.row_bad = row_bad.data();
        layout.weight_of = weight_of.data(), layout.weights = weights.data();
        layout.to_row = to_row.data(), layout.to_column = to_column.data();
        layout.rows_stay_rows = !s.transpose && !s.flip_x;
    }

    /// The row or column of the frame, `size` long, that lies at `at` of the one with its zero frequency in
    /// the middle; -1 outside.
    static std::int64_t stored(std::int64_t at, std::int64_t size, bool corner_origin) {
        if (at < 0 || at >= size) return -1;
        return corner_origin ? (at + size - size / 2) % size : at;
    }

    void place_window(const FrameSteps& s) {
        for (std::int64_t r = 0; r < side * bin; ++r) {
            const std::int64_t row = stored(s.row + r, height, s.corner_origin);
            rows.push_back(row < 0 ? -1 : row * width);
            const std::int64_t column = stored(s.column + r, width, s.corner_origin);
            if (column < 0) continue;
            if (runs.empty() || runs.back().frame + runs.back().count != column)
                runs.push_back({r, column, 0});
            ++runs.back().count;
        }
    }

    void leave_out(const FrameSteps& s) {
        const std::int64_t wide = side * bin;
        good.assign(index(wide * wide), 0);
        row_bad.assign(index(wide), 0);
        std::vector<std::uint16_t> left(index(side * side), 0);
        for (std::int64_t r = 0; r < wide; ++r) {
            if (rows[index(r)] < 0) continue;
            for (const ColumnRun& run : runs)
                for (std::int64_t i = 0; i < run.count; ++i) {
                    const bool bad = s.mask && s.mask[rows[index(r)] + run.frame + i] != 0;
                    good[index(r * wide + run.window + i)] = bad ? 0 : 0xff;
                    if (bad)
                        row_bad[index(r)] = 1;
                    else
                        ++left[index(r / bin * side + (run.window + i) / bin)];
                }
        }
        for (const std::uint16_t n : left) weights.push_back(weight_of[n]);
    }

    void weigh(double factor) {
        const std::int64_t all = bin * bin;
        for (std::int64_t n = 0; n <= all; ++n)
            weight_of.push_back(n == 0 || 2 * n < all ? -1.f
                                                      : static_cast<float>(factor * static_cast<double>(all) /
                                                                           static_cast<double>(n)));
    }

    void orient(const FrameSteps& s) {
        const auto mirrored = [this](std::int64_t k, bool flip) {
            return !flip ? k : side % 2 == 0 ? (side - k) % side : side - 1 - k;
        };
        for (std::int64_t k = 0; k < side; ++k) {
            const std::int64_t y = mirrored(k, s.flip_y) * side, x = mirrored(k, s.flip_x);
            to_row.push_back(s.transpose ? x : y);
            to_column.push_back(s.transpose ? y : x);
        }
    }

    void process(const char* frames, PixelType type, std::int64_t first, std::int64_t last,
                 float* out) const {
        const FrameKernels& kernels = frame_kernels(active_isa());
        const auto kernel = type == PixelType::uint8    ? kernels.uint8
                            : type == PixelType::uint16 ? kernels.uint16
                            : type == PixelType::uint32 ? kernels.uint32
                            : type == PixelType::int32  ? kernels.int32
                                                        : kernels.float32;
        std::vector<double> sums(index(side * bin));
        std::vector<std::int32_t> number(index(side * bin));
        std::vector<float> line(index(side)), row_weights(index(side));
        const RowScratch scratch = {sums.data(), number.data(), line.data(), row_weights.data()};
        const std::size_t bytes = index(height * width) * bytes_of(type);
        for (std::int64_t k = first; k < last; ++k)
            kernel(layout, rules, frames + index(k) * bytes, scratch, out + k * side * side);
    }

    std::int64_t height, width, side, bin;
    ValueRules rules;
    FrameLayout layout;
    std::vector<std::int64_t> rows, to_row, to_column;
    std::vector<ColumnRun> runs;
    std::vector<std::uint8_t> good, row_bad;
    std::vector<float> weight_of, weights;
    std::mutex mutex;  ///< of the pool
    ThreadPool pool;
};

FramePreprocessor::FramePreprocessor(const FrameSteps& steps, int threads) {
    check(steps);
    state_ = std::make_unique<State>(steps, threads);
}

FramePreprocessor::~FramePreprocessor() = default;

std::int64_t FramePreprocessor::height() const { return state_->height; }
std::int64_t FramePreprocessor::width() const { return state_->width; }
std::int64_t FramePreprocessor::side() const { return state_->side; }

void FramePreprocessor::apply(const void* frames, PixelType type, std::int64_t count, float* out) const {
    State& s = *state_;
    const char* from = static_cast<const char*>(frames);
    const std::int64_t parts = std::min<std::int64_t>(count, 4 * s.pool.threads());
    if (s.pool.threads() == 1 || parts <= 1) return s.process(from, type, 0, count, out);
    std::lock_guard<std::mutex> lock(s.mutex);
    s.pool.run(static_cast<int>(parts), [&](int part) {
        s.process(from, type, part * count / parts, (part + 1) * count / parts, out);
    });
}

}  // namespace ptychoscope
