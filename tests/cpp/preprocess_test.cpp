// Frames through every kernel against the definition, written pixel by pixel. Frames and patterns end where
// their memory ends.
#include "ptychoscope/preprocess.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "check.h"

using namespace ptychoscope;

namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// The value at (y, x) with the zero frequency in the middle, -1 where unmeasured.
double measured(const FrameSteps& s, const std::vector<std::uint16_t>& frame, std::int64_t y,
                std::int64_t x) {
    if (y < 0 || y >= s.height || x < 0 || x >= s.width) return -1;
    if (s.corner_origin)
        y = (y + s.height - s.height / 2) % s.height, x = (x + s.width - s.width / 2) % s.width;
    const std::int64_t at = y * s.width + x;
    const double value = frame[index(at)];
    if ((s.mask && s.mask[at] != 0) || (s.threshold > 0 && value >= s.threshold) ||
        (s.all_ones && value >= 65535))
        return -1;
    return s.amplitudes_in ? value * value : value;
}

float pattern_value(const FrameSteps& s, const std::vector<std::uint16_t>& frame, std::int64_t i,
                    std::int64_t j) {
    double sum = 0, good = 0;
    for (std::int64_t y = 0; y < s.bin; ++y)
        for (std::int64_t x = 0; x < s.bin; ++x) {
            const double v = measured(s, frame, s.row + i * s.bin + y, s.column + j * s.bin + x);
            if (v >= 0) sum += v, good += 1;
        }
    const double all = static_cast<double>(s.bin * s.bin);
    if (good == 0 || 2 * good < all) return -1;
    const double counts = sum * s.factor * all / good;
    return static_cast<float>(s.amplitudes_out ? std::sqrt(counts) : counts);
}

void patterns_are_as_defined() {
    Draw draw(5);
    for (int k = 0; k < 300; ++k) {
        FrameSteps s;
        s.height = draw.whole(1, 30), s.width = draw.whole(1, 30);
        s.row = draw.whole(-30, 30), s.column = draw.whole(-30, 30);
        s.side = draw.whole(1, 20), s.bin = draw.whole(1, 5);
        std::vector<std::uint8_t> mask;
        for (std::int64_t i = 0; i < s.height * s.width; ++i) mask.push_back(draw.whole(0, 5) == 0);
        s.mask = draw.coin() ? mask.data() : nullptr;
        s.threshold = draw.coin() ? draw.real(1, 9) : 0;
        s.all_ones = draw.coin(), s.corner_origin = draw.coin();
        s.transpose = draw.coin(), s.flip_y = draw.coin(), s.flip_x = draw.coin();
        s.amplitudes_in = draw.coin(), s.amplitudes_out = draw.coin();
        s.factor = draw.coin() ? 1 : draw.real(0.1, 3);
        std::vector<std::uint16_t> frame;
        for (std::int64_t i = 0; i < s.height * s.width; ++i)
            frame.push_back(static_cast<std::uint16_t>(draw.whole(0, 40) == 0 ? 65535 : draw.whole(0, 9)));
        std::vector<float> out(index(s.side * s.side));
        const FramePreprocessor steps(s, 1);
        steps.apply(frame.data(), PixelType::uint16, 1, out.data());
        const auto mirrored = [&s](std::int64_t i, bool flip) {
            return !flip ? i : s.side % 2 == 0 ? (s.side - i) % s.side : s.side - 1 - i;
        };
        for (std::int64_t i = 0; i < s.side; ++i)
            for (std::int64_t j = 0; j < s.side; ++j) {
                const std::int64_t y = mirrored(s.transpose ? j : i, s.flip_y),
                                   x = mirrored(s.transpose ? i : j, s.flip_x);
                const float wanted = pattern_value(s, frame, i, j), found = out[index(y * s.side + x)];
                CHECK(std::abs(found - wanted) <= 1e-6f * std::abs(wanted));
            }
    }
}

template <class Change>
bool refused(Change change) {
    FrameSteps s;
    s.height = s.width = s.side = 8;
    change(s);
    try {
        FramePreprocessor steps(s, 1);
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

void steps_that_cannot_be() {
    CHECK(!refused([](FrameSteps&) {}));
    CHECK(refused([](FrameSteps& s) { s.height = 0; }));
    CHECK(refused([](FrameSteps& s) { s.width = 65537; }));
    CHECK(refused([](FrameSteps& s) { s.side = 0; }));
    CHECK(refused([](FrameSteps& s) { s.side = 1000, s.bin = 100; }));
    CHECK(refused([](FrameSteps& s) { s.bin = 129; }));
    CHECK(refused([](FrameSteps& s) { s.row = INT64_MIN; }));
    CHECK(refused([](FrameSteps& s) { s.threshold = -1; }));
    CHECK(refused([](FrameSteps& s) { s.threshold = NAN; }));
    CHECK(refused([](FrameSteps& s) { s.factor = 0; }));
    CHECK(refused([](FrameSteps& s) { s.factor = INFINITY; }));
}

}  // namespace

int main() {
    on_every_isa(patterns_are_as_defined);
    steps_that_cannot_be();
}
