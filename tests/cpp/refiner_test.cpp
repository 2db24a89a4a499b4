// Transforms, Refiner and Projector under the sanitizers: every size, several threads, frames that are not
// usable.
#include "ptychoscope/refiner.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "check.h"
#include "ptychoscope/fft.h"
#include "ptychoscope/projector.h"

using namespace ptychoscope;

namespace {

void transforms_of_every_size_come_back() {
    Draw draw(1);
    for (int size : {2, 3, 4, 5, 7, 8, 11, 13, 15, 16, 17, 18, 21, 26, 33, 49, 60, 64, 77, 128}) {
        CHECK(Fft2d::is_supported(size) == (size != 17));
        if (size == 17) continue;
        Fft2d fft(size);
        const auto plane = static_cast<std::size_t>(fft.padded()) * static_cast<std::size_t>(fft.padded());
        std::vector<float> re(plane), im(plane);
        for (float& x : re) x = static_cast<float>(draw.real(-1, 1));
        for (float& x : im) x = static_cast<float>(draw.real(-1, 1));
        std::vector<float> back_re = re, back_im = im;
        const float scale = 1 / static_cast<float>(size);
        fft.forward(back_re.data(), back_im.data(), back_re.data(), back_im.data(), scale);
        fft.inverse(back_re.data(), back_im.data(), back_re.data(), back_im.data(), scale);
        for (int y = 0; y < size; ++y)
            for (int x = 0; x < size; ++x) {
                const auto i = static_cast<std::size_t>(y * fft.padded() + x);
                CHECK(std::fabs(back_re[i] - re[i]) < 1e-5 && std::fabs(back_im[i] - im[i]) < 1e-5);
            }
        std::vector<float> windows(static_cast<std::size_t>(2 * 2 * size * size), 1), out = windows;
        fft2_windows(windows.data(), out.data(), 2, size, false);
    }
}

struct Frames {
    int window, modes, count = 40, height = 61, width = 75;
    std::vector<std::complex<float>> probe, object;
    std::vector<float> amplitudes;
    std::vector<double> positions;

    Frames(Draw& draw, int side, int probe_modes)
        : window(side),
          modes(probe_modes),
          probe(draw.values(modes * window * window)),
          object(draw.values(height * width)),
          positions(draw.positions(count, 0, height, width)) {  // many windows leave the object
        for (int i = 0; i < count * window * window; ++i)
            amplitudes.push_back(static_cast<float>(draw.real(-0.1, 3)));  // below 0: unmeasured
        const auto frame = static_cast<std::size_t>(window * window);
        amplitudes[0] = std::numeric_limits<float>::quiet_NaN();
        std::fill_n(amplitudes.begin() + static_cast<std::ptrdiff_t>(frame), frame, 0.0f);
        positions[2] = positions[3] = 30;
        positions[4] = std::numeric_limits<double>::quiet_NaN();
        positions[7] = 1e300;
        positions[8] = -std::numeric_limits<double>::infinity();
    }
};

std::vector<std::complex<float>> refined(const Frames& frames, int threads) {
    Refiner refiner(frames.window, frames.height, frames.width, frames.modes, threads);
    refiner.set_object(frames.object.data());
    refiner.set_probe(frames.probe.data());
    refiner.add_frames(frames.amplitudes.data(), frames.positions.data(), frames.count);
    const auto pixels = static_cast<std::size_t>(frames.window * frames.window);
    refiner.set_background(std::vector<float>(pixels, 0.1f).data());
    refiner.set_aside({0, 1, 2, 9}, true);
    refiner.set_aside({0, 1}, false);
    CHECK(refiner.states()[1] == FrameState::dark);
    CHECK(refiner.states()[2] == FrameState::unplaced);
    CHECK(refiner.states()[3] == FrameState::outside);
    for (SweepMode mode : {SweepMode::sequential, SweepMode::averaged, SweepMode::examined}) {
        SweepOptions options;
        options.mode = mode;
        options.regularisation = 0.3f;
        options.probe_step = mode == SweepMode::sequential ? 1.0f : 0.0f;
        options.position_step = options.probe_step;
        options.seed = 5;
        options.momentum = 0.5f;
        options.background_step = 1.0f;
        options.background_whole = frames.modes > 1;
        refiner.sweep(options, 0, frames.count);
        refiner.sweep(options, 0, frames.count);
    }
    std::vector<float> background(pixels), predicted(static_cast<std::size_t>(frames.count) * pixels);
    refiner.copy_background(background.data());
    refiner.predicted(predicted.data(), 0, frames.count);
    for (float counts : background) CHECK(std::isfinite(counts) && counts >= 0);
    for (float counts : predicted) CHECK(std::isfinite(counts) && counts >= 0);
    CHECK(refiner.pixel_sums().frames.size() == pixels);
    refiner.blend(frames.object.data(), 5, 3);
    std::vector<std::complex<float>> object(frames.object.size());
    std::vector<float> coverage(object.size()), spread(object.size());
    refiner.copy_object(object.data());
    refiner.copy_coverage(coverage.data());
    refiner.copy_spread(spread.data());
    for (const auto& pixel : object) CHECK(std::isfinite(std::abs(pixel)));
    return object;
}

void sweeps_keep_the_bits_over_threads() {
    Draw draw(2);
    for (int window : {12, 15, 16, 20})
        for (int modes : {1, 2}) {
            const Frames frames(draw, window, modes);
            const auto one = refined(frames, 1), three = refined(frames, 3);
            CHECK(std::memcmp(one.data(), three.data(), one.size() * sizeof one[0]) == 0);
        }
}

void a_projector_is_shared_by_threads() {
    Draw draw(3);
    constexpr int kWindow = 15, kCount = 6, kPixels = kWindow * kWindow;
    const auto probe = draw.values(2 * kPixels);
    Projector projector(probe.data(), kWindow, 2, 0.1f, 0.01f);
    std::vector<float> patches(2 * kCount * kPixels, 0.5f), amplitudes(kCount * kPixels, 1), outs[3];
    const int last = Projector::fractions_per_pixel() - 1;
    const int fractions[2 * kCount] = {0, last, last, 0, 1, 1, 0, 0, last, last, 2, 1};
    std::vector<std::thread> threads;
    for (auto& out : outs) {
        out.resize(patches.size());
        threads.emplace_back(
            [&] { projector.residual(patches.data(), amplitudes.data(), fractions, kCount, out.data()); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(outs[0] == outs[1] && outs[1] == outs[2]);
}

}  // namespace

int main() {
    on_every_isa([] {
        transforms_of_every_size_come_back();
        sweeps_keep_the_bits_over_threads();
        a_projector_is_shared_by_threads();
    });
}
