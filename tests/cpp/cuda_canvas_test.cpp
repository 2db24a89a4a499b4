// The canvas of devices, on the host: its kernels run thread by thread, in an order drawn at random and
// shared by threads of the host, and show what Canvas shows, bit by bit where the CPU has a fused
// multiply-add.
#include "ptychoscope/cuda_canvas.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "scene.h"

using namespace ptychoscope;

namespace {

CudaCanvasOptions drawn_options(Draw& draw, std::uint64_t seed) {
    CudaCanvasOptions options;
    options.device = kHostDevice;
    options.interpolation = static_cast<Interpolation>(seed % 4);
    options.accumulate = static_cast<Accumulate>(seed / 4 % 3);
    options.spread = draw.coin();
    options.grow = draw.whole(0, 2) == 0;
    options.threads = static_cast<int>(draw.whole(1, 3));
    return options;
}

template <class AnyCanvas, class Options>
AnyCanvas empty_canvas(const Scene& s, const Options& options) {
    return AnyCanvas(s.canvas_height, s.canvas_width, s.window_data(), s.height, s.width, options);
}

/// All that a canvas tells and shows while it is filled, merged and emptied.
struct Told {
    std::vector<AddReport> reports;
    std::vector<Box> dirty;
    std::vector<Shown> looks;
};

template <class AnyCanvas, class Options>
Told told_of(const Scene& scene, std::int64_t cut, const Options& options) {
    Told told;
    const auto part = [&](AnyCanvas& canvas, std::int64_t from, std::int64_t to) {
        return canvas.add(scene.part(from, to), scene.positions.data() + 2 * from);
    };
    AnyCanvas canvas = empty_canvas<AnyCanvas>(scene, options),
              other = empty_canvas<AnyCanvas>(scene, options);
    for (auto [from, to] : {std::pair{std::int64_t{0}, cut}, {cut, scene.count}}) {
        told.reports.push_back(part(canvas, from, to));
        told.dirty.push_back(canvas.take_dirty());
    }
    told.looks.push_back(shown(canvas));
    part(other, 0, cut);
    canvas.merge(other);
    told.looks.push_back(shown(canvas));
    canvas.reset();
    told.dirty.push_back(canvas.take_dirty());
    told.looks.push_back(shown(canvas));
    return told;
}

bool same(const AddReport& a, const AddReport& b) {
    return a.bad_positions == b.bad_positions && a.bad_patches == b.bad_patches && a.outside == b.outside;
}

bool same(const Box& a, const Box& b) {
    return (a.empty() && b.empty()) ||
           (a.row0 == b.row0 && a.row1 == b.row1 && a.column0 == b.column0 && a.column1 == b.column1);
}

bool same(const Shown& a, const Shown& b) { return same_bits(a, b); }

template <class Each>
bool same(const std::vector<Each>& a, const std::vector<Each>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Each& one, const Each& two) { return same(one, two); });
}

/// The host's canvas on every instruction set that has a fused multiply-add; false when there is none.
template <class Test>
bool on_every_fused_isa(Test test) {
    bool any = false;
    on_every_isa([&] {
        if (active_isa() == Isa::sse41) return;  // rounds products and sums apart
        any = true;
        test();
    });
    return any;
}

bool shows_what_the_canvas_shows(std::uint64_t seed) {
    Draw draw(seed);
    Scene scene(draw);
    const CudaCanvasOptions options = drawn_options(draw, seed);
    if (!options.grow && draw.coin()) scene.spoil(draw);
    const std::int64_t cut = draw.whole(0, scene.count);
    const Told device = told_of<CudaCanvas>(scene, cut, options);
    return on_every_fused_isa([&] {
        const Told host = told_of<Canvas, CanvasOptions>(scene, cut, options);
        CHECK(same(device.reports, host.reports));
        CHECK(same(device.dirty, host.dirty));
        CHECK(same(device.looks, host.looks));
    });
}

/// More than 64 x 64 tiles, which are summed up in three levels.
void many_tiles_are_listed() {
    Draw draw(7);
    const std::int64_t n = 200, side = 40, height = 2100, width = 2200;
    const std::vector<std::complex<float>> patches = draw.values(n * side * side);
    const std::vector<double> positions = draw.positions(n, 0, height, width);
    CudaCanvasOptions options;
    options.device = kHostDevice;
    options.threads = 3;
    const PatchBatch batch = PatchBatch::complex64(patches.data(), n, side, side);
    CudaCanvas device(height, width, nullptr, 0, 0, options);
    device.add(batch, positions.data());
    on_every_fused_isa([&] {
        Canvas host(height, width, nullptr, 0, 0, options);
        host.add(batch, positions.data());
        CHECK(same_bits(shown(device), shown(host)));
    });
}

/// Atomic additions come in any order: exact sums do not mind, float sums differ by rounding.
void atomics_add_the_same(std::uint64_t seed) {
    Draw draw(1000 + seed);
    const Scene scene(draw);
    CudaCanvasOptions options = drawn_options(draw, seed);
    options.spread = options.spread && options.accumulate == Accumulate::exact;
    CudaCanvas stitched = empty_canvas<CudaCanvas>(scene, options);
    options.atomics = true;
    CudaCanvas scattered = empty_canvas<CudaCanvas>(scene, options);
    stitched.add(scene.batch, scene.positions.data());
    scattered.add(scene.batch, scene.positions.data());
    const Shown a = shown(stitched), b = shown(scattered);
    if (options.accumulate == Accumulate::exact) CHECK(same_bits(a, b));
    for (std::size_t i = 0; i < a.coverage.size(); ++i) {
        CHECK(std::fabs(a.coverage[i] - b.coverage[i]) <= 1e-5f * a.coverage[i]);
        CHECK(std::abs(a.image[i] - b.image[i]) * a.coverage[i] <= 1e-4f);  // values of at most sqrt(18)
    }
}

template <class Error, class Call>
void throws(Call call, const std::string& part) {
    try {
        call();
    } catch (const Error& error) {
        if (std::string(error.what()).find(part) != std::string::npos) return;
        std::fprintf(stderr, "said \"%s\"\n", error.what());
    }
    std::fprintf(stderr, "nothing said \"%s\"\n", part.c_str());
    CHECK(false);
}

/// Both canvases stop at the patch that does not fit, and hold those before it.
void too_much_is_said(Accumulate accumulate, double bound, bool grow, const char* part) {
    const std::int64_t n = 5, side = 8;
    std::vector<std::complex<float>> patches(n * side * side, {1, 2});
    patches[3 * side * side + 7] = {0, 5};
    std::vector<double> positions(2 * n, 10.0);
    if (grow) positions[6] = 500;
    CudaCanvasOptions options;
    options.device = kHostDevice;
    options.accumulate = accumulate;
    options.bound = bound;
    options.grow = grow;
    options.max_pixels = 1000;
    Canvas cpu(20, 30, nullptr, 0, 0, options);
    CudaCanvas device(20, 30, nullptr, 0, 0, options);
    const PatchBatch batch = PatchBatch::complex64(patches.data(), n, side, side);
    throws<std::overflow_error>([&] { cpu.add(batch, positions.data()); }, part);
    throws<std::overflow_error>([&] { device.add(batch, positions.data()); }, part);
    CHECK(same_bits(shown(device), shown(cpu)));
    CHECK(shown(device).coverage[10 * 30 + 10] == 3);
}

/// Exact canvases whose bound on the counts is used up read the counts, and go on.
void exact_sums_read_their_counts_before_they_stop() {
    const std::int64_t side = 8;
    std::vector<std::complex<float>> patch(side * side, {1, 0});
    const double position[] = {10, 10};
    CudaCanvasOptions options;
    options.device = kHostDevice;
    options.accumulate = Accumulate::exact;
    options.bound = 1;
    CudaCanvas canvas(20, 20, nullptr, 0, 0, options);
    const PatchBatch one = PatchBatch::complex64(patch.data(), 1, side, side);
    std::vector<std::complex<float>> out(20 * 20);
    std::vector<double> positions(2 * 64, 10.0);
    canvas.add(one, position);
    // Doubling by merges: the noted bound grows as fast as the sums, and 2^48 quanta times 2^14 is the end.
    for (int i = 0; i < 13; ++i) {
        CudaCanvas twin(20, 20, nullptr, 0, 0, options);
        twin.merge(canvas);
        canvas.merge(twin);
    }
    throws<std::overflow_error>(
        [&] {
            for (int i = 0; i < 3; ++i) {
                CudaCanvas twin(20, 20, nullptr, 0, 0, options);
                twin.merge(canvas);
                canvas.merge(twin);
            }
        },
        "would overflow the 64-bit sums");
    canvas.image(canvas.extent(), out.data());
    CHECK(out[10 * 20 + 10] == std::complex<float>(1, 0));
}

void bad_arguments_are_said() {
    CudaCanvasOptions options;
    throws<CudaError>([&] { options.device = 99, CudaCanvas(8, 8, nullptr, 0, 0, options); }, "CUDA device");
    options.device = kHostDevice;
    throws<std::invalid_argument>([&] { CudaCanvas(0, 8, nullptr, 0, 0, options); }, "a canvas of 0 x 8");
    options.atomics = true;
    throws<std::invalid_argument>([&] { CudaCanvas(8, 8, nullptr, 0, 0, options); }, "spread of float sums");
    options.spread = false;
    CudaCanvas canvas(20, 20, nullptr, 0, 0, options);
    std::vector<std::complex<float>> patch(64);
    const double position[] = {10, 10};
    PatchBatch batch = PatchBatch::complex64(patch.data(), 1, 8, 8);
    batch.row_stride += 2;
    throws<std::invalid_argument>([&] { canvas.add(batch, position); }, "multiples of 4 bytes");
    throws<std::invalid_argument>([&] { canvas.merge(canvas); }, "with itself");
    throws<std::invalid_argument>([&] { canvas.spread(canvas.extent(), nullptr); }, "without the spread");
    throws<std::out_of_range>([&] { canvas.coverage({0, 21, 0, 20}, nullptr); }, "leaves the canvas");
}

}  // namespace

int main() {
    bool compared = false;
    for (std::uint64_t seed = 0; seed < 120; ++seed) compared |= shows_what_the_canvas_shows(seed);
    if (!compared) std::puts("no instruction set with a fused multiply-add: nothing compared");
    many_tiles_are_listed();
    on_every_fused_isa([] {
        too_much_is_said(Accumulate::exact, 4, false, "patch 3 has a value of 5");
        too_much_is_said(Accumulate::float32, 4, true, "patch 3 would grow the canvas");
    });
    for (std::uint64_t seed = 0; seed < 60; ++seed) atomics_add_the_same(seed);
    exact_sums_read_their_counts_before_they_stop();
    bad_arguments_are_said();
}
