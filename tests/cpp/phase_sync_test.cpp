// Phase alignment under the sanitizers: any batch, any position, and phases that were put in come out.
#include "ptychoscope/phase_sync.h"

#include "scene.h"

using namespace ptychoscope;

namespace {

/// Whatever a caller hands in, every phase is a unit number, and the same again.
void random_scenes() {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Draw draw(seed);
        Scene scene(draw);
        if (draw.coin()) scene.spoil(draw);
        const float* window = scene.window_data();
        const std::int64_t per_quadrant = draw.whole(1, 4);
        const auto phases = solve_phases(scene.batch, scene.positions.data(), window, per_quadrant);
        CHECK(phases.size() == static_cast<std::size_t>(scene.count));
        for (const std::complex<float>& phase : phases) CHECK(std::abs(std::abs(phase) - 1) < 1e-5f);
        CHECK(phases == solve_phases(scene.batch, scene.positions.data(), window, per_quadrant));
    }
}

/// Patches cut from one object on whole pixels, each turned by a phase of its own.
void put_in_and_found() {
    constexpr std::int64_t kSide = 17, kPerRow = 9, kCount = kPerRow * kPerRow, kStep = 5;
    constexpr std::int64_t kObject = kSide + kStep * kPerRow;
    Draw draw(1);
    const std::vector<std::complex<float>> object = draw.values(kObject * kObject);
    std::vector<std::complex<float>> patches, turned;
    std::vector<double> positions;
    for (std::int64_t k = 0; k < kCount; ++k) {
        const std::int64_t y = k / kPerRow * kStep, x = k % kPerRow * kStep;
        positions.push_back(static_cast<double>(y)), positions.push_back(static_cast<double>(x));
        turned.push_back(std::polar(1.f, static_cast<float>(draw.real(-3, 3))));
        for (std::int64_t r = 0; r < kSide; ++r)
            for (std::int64_t c = 0; c < kSide; ++c)
                patches.push_back(object[static_cast<std::size_t>((y + r) * kObject + x + c)] *
                                  turned.back());
    }
    const auto phases =
        solve_phases(PatchBatch::complex64(patches.data(), kCount, kSide, kSide), positions.data(), nullptr);
    for (std::size_t k = 0; k < phases.size(); ++k)
        CHECK(std::abs(phases[k] * turned[k] - phases[0] * turned[0]) < 1e-4f);
}

}  // namespace

int main() {
    on_every_isa([] {
        random_scenes();
        put_in_and_found();
    });
}
