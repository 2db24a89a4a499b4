// Canvas under the sanitizers: threads, growth, merges, and whatever a caller may hand in. What it computes
// is checked against the reference elsewhere; here the question is what it touches.
#include "ptychoscope/canvas.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>

#include "check.h"

using namespace ptychoscope;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr Interpolation kInterpolations[] = {Interpolation::nearest, Interpolation::bilinear,
                                             Interpolation::cubic, Interpolation::lanczos3};
constexpr Accumulate kAccumulates[] = {Accumulate::float32, Accumulate::float64, Accumulate::exact};

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0;
}

struct Shown {
    std::vector<std::complex<float>> sum, image;
    std::vector<float> coverage, spread;
    bool operator==(const Shown& o) const {  // bits, not values
        return same(sum, o.sum) && same(image, o.image) && same(coverage, o.coverage) &&
               same(spread, o.spread);
    }
};

Shown show(const Canvas& canvas, const Box& box) {
    const auto n = static_cast<std::size_t>((box.row1 - box.row0) * (box.column1 - box.column0));
    using Complex = std::vector<std::complex<float>>;
    Shown shown = {Complex(n), Complex(n), std::vector<float>(n), std::vector<float>(n)};
    canvas.sum(box, shown.sum.data());
    if (!canvas.options().coverage) return shown;
    canvas.image(box, shown.image.data());
    canvas.coverage(box, shown.coverage.data());
    if (canvas.options().spread) canvas.spread(box, shown.spread.data());
    return shown;
}

/// A scan large enough that threads are used, some of it outside the canvas.
struct Scan {
    static constexpr std::int64_t kCount = 72, kSide = 63, kHeight = 131, kWidth = 157;
    std::vector<std::complex<float>> patches;
    std::vector<double> positions;
    std::vector<float> window;

    explicit Scan(Draw& draw)
        : patches(draw.values(kCount * kSide * kSide)), positions(draw.positions(kCount, -20, 150, 175)) {
        for (std::int64_t i = 0; i < kSide * kSide; ++i)
            window.push_back(static_cast<float>(draw.real(0, 2)));
    }
    PatchBatch batch(std::int64_t from, std::int64_t to) const {
        return PatchBatch::complex64(patches.data() + from * kSide * kSide, to - from, kSide, kSide);
    }
    void add_to(Canvas& canvas, std::int64_t from = 0, std::int64_t to = kCount) const {
        canvas.add(batch(from, to), positions.data() + 2 * from);
    }
    std::unique_ptr<Canvas> canvas(CanvasOptions options) const {
        return std::make_unique<Canvas>(kHeight, kWidth, window.data(), kSide, kSide, options);
    }
};

void threads_growth_and_merges_keep_the_bits() {
    Draw draw(1);
    const Scan scan(draw);
    const Box all = {0, Scan::kHeight, 0, Scan::kWidth};
    for (Accumulate accumulate : kAccumulates) {
        CanvasOptions options;
        options.accumulate = accumulate;
        options.interpolation = draw.coin() ? Interpolation::bilinear : Interpolation::cubic;
        const auto one = scan.canvas(options);
        scan.add_to(*one);
        const Shown expected = show(*one, all);

        options.threads = 3;
        const auto three = scan.canvas(options);
        scan.add_to(*three);
        CHECK(show(*three, all) == expected);

        options.grow = true;
        Canvas grown(1, 1, scan.window.data(), Scan::kSide, Scan::kSide, options);
        for (std::int64_t i = 0; i < Scan::kCount; i += 9) scan.add_to(grown, i, i + 9);
        CHECK(show(grown, all) == expected);

        const auto first = scan.canvas(options), second = scan.canvas(options);
        scan.add_to(*first, 0, 30);
        scan.add_to(*second, 30, Scan::kCount);
        second->merge(*first);
        if (accumulate == Accumulate::exact) CHECK(show(*second, all) == expected);

        options.spread = options.coverage = false;
        Canvas alone(1, 1, scan.window.data(), Scan::kSide, Scan::kSide, options);
        for (std::int64_t i = 0; i < Scan::kCount; i += 36) scan.add_to(alone, i, i + 36);
        CHECK(same(show(alone, all).sum, expected.sum));
    }
}

void a_canvas_is_shared_by_threads() {
    Draw draw(2);
    const Scan scan(draw);
    CanvasOptions options;
    options.accumulate = Accumulate::exact;
    options.threads = 2;
    const Box all = {0, Scan::kHeight, 0, Scan::kWidth};
    const auto alone = scan.canvas(options), shared = scan.canvas(options);
    scan.add_to(*alone);
    std::thread writer([&] { scan.add_to(*shared, 0, 36); });
    std::thread reader([&] {
        for (int i = 0; i < 5; ++i) show(*shared, all), shared->take_dirty(), shared->extent();
    });
    scan.add_to(*shared, 36, Scan::kCount);
    writer.join();
    reader.join();
    CHECK(show(*shared, all) == show(*alone, all));
}

void impossible_positions_are_outside_or_reported() {
    const double huge[] = {1e300, -1e300, 9e18, -9e18, 3e9, -3e9, 1e6, -1e6};
    const std::vector<std::complex<float>> patch(49, 1);
    for (Interpolation interpolation : kInterpolations) {
        CanvasOptions options;
        options.interpolation = interpolation;
        Canvas canvas(9, 5, nullptr, 0, 0, options);
        for (double y : huge)
            for (double x : {y, -y, 2.5, 5e-324}) {
                const double there[] = {y, x}, beside[] = {2.5, y};
                CHECK(canvas.add(PatchBatch::complex64(patch.data(), 1, 7, 7), there).outside == 1);
                CHECK(canvas.add(PatchBatch::complex64(patch.data(), 1, 7, 7), beside).outside == 1);
            }
        for (double bad : {kNan, kInfinity, -kInfinity}) {
            const double positions[] = {bad, 1, 1, bad};
            const std::vector<std::complex<float>> two(98, 1);
            CHECK(canvas.add(PatchBatch::complex64(two.data(), 2, 7, 7), positions).bad_positions.size() ==
                  2);
        }
        CHECK(canvas.take_dirty().empty());
    }
}

/// Patches in memory of just their size, in any layout: forwards or backwards, with gaps, halves or floats.
struct Layout {
    std::vector<char> memory;
    PatchBatch batch;

    Layout(Draw& draw, std::int64_t count, std::int64_t height, std::int64_t width) {
        const bool half = draw.coin(), pair = !half && draw.coin();
        const std::int64_t size = half ? 2 : 4, step = pair ? 8 : size * draw.whole(1, 3);
        const std::int64_t row = width * step + (pair ? 8 : size) * draw.whole(0, 2);
        const std::int64_t patch = height * row, plane = count * patch;
        memory.resize(static_cast<std::size_t>(pair ? plane : 2 * plane));
        const bool any = draw.whole(0, 3) == 0;  // any bits at all, NaNs and infinities among them
        for (std::size_t i = 0; i + static_cast<std::size_t>(size) <= memory.size(); i += size) {
            const float value = static_cast<float>(draw.real(-2, 2));
            const std::uint64_t bits = any ? draw.bits() : 0x3c00;  // 1 as float16
            if (half || any)
                std::memcpy(&memory[i], &bits, size);
            else
                std::memcpy(&memory[i], &value, size);
        }
        batch.count = count;
        batch.height = height;
        batch.width = width;
        batch.patch_stride = patch;
        batch.row_stride = row;
        batch.column_stride = step;
        batch.scalar = half ? Scalar::float16 : Scalar::float32;
        batch.values = draw.coin() ? Values::real_imag : Values::amplitude_phase;
        const char* corner = memory.data();
        if (draw.coin()) corner += (height - 1) * row, batch.row_stride = -row;
        if (draw.coin()) corner += (count - 1) * patch, batch.patch_stride = -patch;
        batch.first = corner;
        batch.second = corner + (pair ? 4 : plane);
    }
};

void whatever_is_handed_in(std::uint64_t seed) {
    Draw draw(seed);
    CanvasOptions options;
    options.interpolation = kInterpolations[draw.whole(0, 3)];
    options.accumulate = kAccumulates[draw.whole(0, 2)];
    options.threads = static_cast<int>(draw.whole(1, 3));
    options.spread = draw.coin();
    options.coverage = options.spread || draw.coin();
    options.grow = draw.coin();
    options.max_pixels = 10000;
    const std::int64_t height = draw.whole(1, 70), width = draw.whole(1, 70);
    const std::int64_t patch_height = draw.whole(1, 40), patch_width = draw.whole(1, 75);
    std::vector<float> window;
    for (std::int64_t i = 0; i < patch_height * patch_width; ++i)
        window.push_back(static_cast<float>(draw.real(0, 1)));
    Canvas canvas(height, width, draw.coin() ? window.data() : nullptr, patch_height, patch_width, options);
    for (int call = 0; call < 4; ++call) {
        const Layout layout(draw, draw.whole(1, 6), patch_height, patch_width);
        const std::vector<double> positions = draw.positions(layout.batch.count, -40, 110, 110);
        try {
            canvas.add(layout.batch, positions.data(), draw.coin() ? Align::none : Align::sequential);
        } catch (const std::invalid_argument&) {  // smaller than the kernel, or no image to align with
            CHECK(patch_height < 6 || patch_width < 6 || !options.coverage);
        } catch (const std::overflow_error&) {  // grown too large, or beyond the bound of exact
            CHECK(options.grow || options.accumulate == Accumulate::exact);
        }
        const Box all = canvas.extent();
        const std::int64_t row = draw.whole(all.row0, all.row1),
                           column = draw.whole(all.column0, all.column1);
        show(canvas, {row, draw.whole(row, all.row1), column, draw.whole(column, all.column1)});
    }
}

}  // namespace

int main() {
    on_every_isa([] {
        threads_growth_and_merges_keep_the_bits();
        impossible_positions_are_outside_or_reported();
        for (std::uint64_t seed = 0; seed < 100; ++seed) whatever_is_handed_in(seed);
    });
    a_canvas_is_shared_by_threads();
}
