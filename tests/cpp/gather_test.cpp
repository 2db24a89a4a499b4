// What a thread of the CUDA kernel computes, computed here by a loop over threads: the bits are those of the
// CPU kernels that have a fused multiply-add.
#include "gather.h"

#include <cstring>

#include "check.h"
#include "planes.h"
#include "ptychoscope/canvas.h"

using namespace ptychoscope;

namespace {

struct Scene {
    std::int64_t count, height, width, canvas_height, canvas_width;
    std::vector<std::complex<float>> patches;
    std::vector<float> window;
    std::vector<double> positions;

    explicit Scene(Draw& draw)
        : count(draw.whole(0, 60)),
          height(draw.whole(6, 50)),
          width(draw.whole(6, 50)),
          canvas_height(draw.whole(1, 120)),
          canvas_width(draw.whole(1, 120)),
          patches(draw.values(count * height * width)),
          positions(draw.positions(count, -10, static_cast<double>(canvas_height) + 10,
                                   static_cast<double>(canvas_width) + 10)) {
        if (draw.coin())
            for (std::int64_t i = 0; i < height * width; ++i)
                window.push_back(static_cast<float>(draw.real(0, 1)));
        if (draw.whole(0, 3) == 0)
            for (double& p : positions) p = std::round(p);
    }
};

template <int Taps>
void run_threads(const GatherCall& call, std::int64_t tiles) {
    for (std::int64_t tile = 0; tile < tiles; ++tile)
        for (int y = 0; y < kTileSide / kRowsPerThread; ++y)
            for (int x = 0; x < kTileSide; ++x) gather_column<Taps>(call, tile, x, y);
}

/// One call for patches [from, to), as the device's canvas makes it.
void gather(const Scene& scene, Interpolation interpolation, std::int64_t from, std::int64_t to,
            GatherSums sums) {
    std::vector<Placement> placements;
    Box dirty;
    const Box canvas = {0, scene.canvas_height, 0, scene.canvas_width};
    for (std::int64_t i = from; i < to; ++i) {
        const double* centre = &scene.positions[static_cast<std::size_t>(2 * i)];
        placements.push_back(
            place_patch(centre[0], centre[1], scene.height, scene.width, interpolation, canvas));
        dirty = union_of(dirty, placements.back().box);
    }
    const TileLists lists = tile_lists(placements, dirty);
    const std::int64_t pixels = scene.height * scene.width;
    const float* first = reinterpret_cast<const float*>(scene.patches.data() + from * pixels);
    GatherCall call;
    call.patches = {first, first + 1, scene.height, scene.width, 2 * pixels, 2 * scene.width, 2};
    if (!scene.window.empty())
        call.window = {scene.window.data(), nullptr, scene.height, scene.width, 0, scene.width, 1};
    call.sums = sums;
    call.placements = placements.data();
    call.first = lists.first.data();
    call.entry = lists.entry.data();
    call.row0 = lists.row0;
    call.column0 = lists.column0;
    call.tile_columns = lists.columns;
    switch (interpolation) {
        case Interpolation::nearest:
            return run_threads<1>(call, lists.tiles());
        case Interpolation::bilinear:
            return run_threads<2>(call, lists.tiles());
        case Interpolation::cubic:
            return run_threads<4>(call, lists.tiles());
        case Interpolation::lanczos3:
            return run_threads<6>(call, lists.tiles());
    }
}

void threads_of_tiles_compute_what_the_canvas_computes(std::uint64_t seed) {
    Draw draw(seed);
    const Scene scene(draw);
    CanvasOptions options;
    options.interpolation = static_cast<Interpolation>(seed % 4);
    options.spread = draw.coin();
    Canvas canvas(scene.canvas_height, scene.canvas_width,
                  scene.window.empty() ? nullptr : scene.window.data(), scene.height, scene.width, options);
    canvas.add(PatchBatch::complex64(scene.patches.data(), scene.count, scene.height, scene.width),
               scene.positions.data());

    const auto n = static_cast<std::size_t>(scene.canvas_height * scene.canvas_width);
    std::vector<float> planes(4 * n);
    const GatherSums sums = {planes.data(),         planes.data() + n,
                             planes.data() + 2 * n, options.spread ? planes.data() + 3 * n : nullptr,
                             scene.canvas_height,   scene.canvas_width};
    const std::int64_t cut = draw.whole(0, scene.count);
    gather(scene, options.interpolation, 0, cut, sums);
    gather(scene, options.interpolation, cut, scene.count, sums);

    const Box all = {0, scene.canvas_height, 0, scene.canvas_width};
    std::vector<std::complex<float>> image(n), gathered(n);
    std::vector<float> coverage(n), spread(n);
    canvas.image(all, image.data());
    canvas.coverage(all, coverage.data());
    if (options.spread) canvas.spread(all, spread.data());
    for (std::size_t i = 0; i < n; ++i) {
        const auto at = static_cast<std::int64_t>(i);
        CHECK(image[i].real() == read_pixel(sums, Reading::real, at));
        CHECK(image[i].imag() == read_pixel(sums, Reading::imag, at));
        CHECK(coverage[i] == read_pixel(sums, Reading::coverage, at));
        if (options.spread) CHECK(spread[i] == read_pixel(sums, Reading::spread, at));
    }
}

}  // namespace

int main() {
    bool compared = false;
    on_every_isa([&] {
        if (active_isa() == Isa::sse41) return;  // rounds products and sums apart
        compared = true;
        for (std::uint64_t seed = 0; seed < 60; ++seed)
            threads_of_tiles_compute_what_the_canvas_computes(seed);
    });
    if (!compared) std::puts("no instruction set with a fused multiply-add: nothing compared");
}
