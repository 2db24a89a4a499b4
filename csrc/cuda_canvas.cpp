// CudaCanvas: where patches lie is worked out on the host, as for Canvas; what they add, on the device.
#include "ptychoscope/cuda_canvas.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "canvas_state.h"
#include "cuda_memory.h"
#include "stitch_cuda.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kMaxSide = 1 << 16, kMaxPixels = 1LL << 31, kMaxPatches = 1LL << 30;
constexpr std::int64_t kFloat = sizeof(float);

int use(int device) {
    int count = 0;
    cuda_check(cudaGetDeviceCount(&count), "looking for a CUDA device");
    if (device < 0 || device >= count)
        throw CudaError("there is no CUDA device " + std::to_string(device) + ": devices 0 to " +
                        std::to_string(count - 1) + " are there");
    cuda_check(cudaSetDevice(device), "using a CUDA device");
    return device;
}

GatherPlanes planes_of(const PatchBatch& b) {
    return {static_cast<const float*>(b.first),
            static_cast<const float*>(b.second),
            b.height,
            b.width,
            b.patch_stride / kFloat,
            b.row_stride / kFloat,
            b.column_stride / kFloat};
}

/// Whether memory lies on `device`; throws when it lies on another one.
bool on_device(const void* pointer, int device) {
    cudaPointerAttributes attributes = {};
    cuda_check(cudaPointerGetAttributes(&attributes, pointer), "looking where the patches lie");
    const bool there = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
    require(!there || attributes.device == device, "patches on device " + std::to_string(attributes.device) +
                                                       ", a canvas on device " + std::to_string(device));
    return there;
}

}  // namespace

std::string cuda_architectures() { return PTYCHOSCOPE_CUDA_ARCHITECTURES; }

int cuda_devices() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

struct CudaCanvas::State {
    CudaCanvasOptions options;
    int device;  // before the members that need it chosen
    Stream stream;
    GatherSums sums;
    Box dirty;
    std::int64_t window_height = 0, window_width = 0;  // 0: no window
    DeviceArray<float> pixels, window, copied;
    DeviceArray<Placement> placements;
    DeviceArray<std::int64_t> first;
    DeviceArray<std::int32_t> entry;
    DeviceArray<unsigned char> bad;
    mutable DeviceArray<float> read;
    mutable std::mutex mutex;

    State(std::int64_t height, std::int64_t width, const CudaCanvasOptions& o)
        : options(o), device(use(o.device)) {
        const std::size_t plane = static_cast<std::size_t>(height * width);
        pixels.reserve(plane * (o.spread ? 4 : 3));
        float* p = pixels.get();
        sums = {p, p + plane, p + 2 * plane, o.spread ? p + 3 * plane : nullptr, height, width};
        clear();
    }

    Box extent() const { return {0, sums.height, 0, sums.width}; }

    void clear() {
        const std::size_t plane = static_cast<std::size_t>(sums.height * sums.width);
        cuda_check(cudaMemsetAsync(pixels.get(), 0, plane * (sums.moment ? 4 : 3) * sizeof(float), stream),
                   "clearing the canvas");
        cuda_check(cudaStreamSynchronize(stream), "clearing the canvas");
    }

    void check(const PatchBatch& b, const double* positions) const {
        require(b.count >= 0 && b.count <= kMaxPatches, "the number of patches must be between 0 and 2^30");
        require(b.count == 0 || (b.first && b.second && positions), "patches or positions are missing");
        require(b.values == Values::real_imag && b.scalar == Scalar::float32 && !b.rotations,
                "a canvas on a device takes real and imaginary parts in float32, without rotations");
        require(b.patch_stride % kFloat == 0 && b.row_stride % kFloat == 0 && b.column_stride % kFloat == 0,
                "strides of patches must be whole floats");
        require(window_height == 0 || (b.height == window_height && b.width == window_width),
                "patches of " + size_text(b.height, b.width) + " pixels on a canvas whose window has " +
                    size_text(window_height, window_width));
        const int taps = taps_of(options.interpolation);
        require(b.height >= taps && b.width >= taps && b.height <= kMaxSide && b.width <= kMaxSide,
                "patches of " + size_text(b.height, b.width) + " pixels: this interpolation needs at least " +
                    size_text(taps, taps) + ", and none may be larger than " + size_text(kMaxSide, kMaxSide));
    }

    /// The same batch in memory of the device.
    PatchBatch bring(PatchBatch b) {
        if (on_device(b.first, device)) {
            require(on_device(b.second, device),
                    "one plane of the patches lies on the device, the other does not");
            cuda_check(cudaDeviceSynchronize(), "waiting for the patches");
            return b;
        }
        require(b.patch_stride >= 0 && b.row_stride >= 0 && b.column_stride >= 0 && b.second >= b.first,
                "patches on the host must have strides that are not negative");
        const std::int64_t apart = static_cast<const float*>(b.second) - static_cast<const float*>(b.first);
        const std::int64_t last =
            (b.count - 1) * b.patch_stride + (b.height - 1) * b.row_stride + (b.width - 1) * b.column_stride;
        copied.upload(static_cast<const float*>(b.first), static_cast<std::size_t>(apart + last / kFloat + 1),
                      stream);
        b.first = copied.get();
        b.second = copied.get() + apart;
        return b;
    }

    /// Where each patch lies; an empty box for those that are left out or outside.
    std::vector<Placement> place(const PatchBatch& b, const double* positions, AddReport& report) {
        bad.reserve(static_cast<std::size_t>(b.count));
        find_bad_patches(planes_of(b), b.count, bad.get(), stream);
        std::vector<unsigned char> is_bad(static_cast<std::size_t>(b.count));
        bad.download(is_bad.data(), is_bad.size(), stream);
        std::vector<Placement> placed(is_bad.size());
        for (std::size_t i = 0; i < placed.size(); ++i) {
            const double y = positions[2 * i], x = positions[2 * i + 1];
            if (!std::isfinite(y) || !std::isfinite(x)) {
                report.bad_positions.push_back(static_cast<std::int64_t>(i));
            } else if (is_bad[i]) {
                report.bad_patches.push_back(static_cast<std::int64_t>(i));
            } else {
                placed[i] = place_patch(y, x, b.height, b.width, options.interpolation, extent());
                if (placed[i].box.empty()) ++report.outside;
            }
        }
        return placed;
    }

    void gather(const PatchBatch& b, const std::vector<Placement>& placed) {
        Box reached;
        for (const Placement& p : placed) reached = union_of(reached, p.box);
        if (reached.empty()) return;
        const TileLists lists = tile_lists(placed, reached);
        placements.upload(placed.data(), placed.size(), stream);
        first.upload(lists.first.data(), lists.first.size(), stream);
        entry.upload(lists.entry.data(), lists.entry.size(), stream);
        GatherCall call;
        call.patches = planes_of(b);
        if (window_height > 0)
            call.window = {window.get(), nullptr, window_height, window_width, 0, window_width, 1};
        call.sums = sums;
        call.placements = placements.get();
        call.first = first.get();
        call.entry = entry.get();
        call.row0 = lists.row0;
        call.column0 = lists.column0;
        call.tile_columns = lists.columns;
        gather_tiles(call, lists.tiles(), options.interpolation, stream);
        cuda_check(cudaGetLastError(), "starting the stitch kernel");
        cuda_check(cudaStreamSynchronize(stream), "stitching");
        dirty = union_of(dirty, reached);
    }

    void read_planes(const Box& box, std::initializer_list<Reading> readings, float* out) const {
        std::lock_guard<std::mutex> lock(mutex);
        require(contains(extent(), box) && box.row0 <= box.row1 && box.column0 <= box.column1,
                "the box leaves the canvas");
        if (box.empty()) return;
        use(device);
        const int step = static_cast<int>(readings.size());
        const auto count =
            static_cast<std::size_t>(step * (box.row1 - box.row0) * (box.column1 - box.column0));
        read.reserve(count);
        float* to = read.get();
        for (Reading reading : readings) read_box(sums, reading, box, to++, step, stream);
        cuda_check(cudaGetLastError(), "reading the canvas");
        read.download(out, count, stream);
    }
};

CudaCanvas::CudaCanvas(std::int64_t height, std::int64_t width, const float* window,
                       std::int64_t window_height, std::int64_t window_width,
                       const CudaCanvasOptions& options) {
    require(height >= 1 && width >= 1 && height <= kMaxPixels && width <= kMaxPixels / height,
            "a canvas of " + size_text(height, width) + " pixels: it must have between 1 and 2^31");
    if (window) check_window(window, window_height, window_width);
    state_ = std::make_unique<State>(height, width, options);
    if (!window) return;
    state_->window.upload(window, static_cast<std::size_t>(window_height * window_width), state_->stream);
    cuda_check(cudaStreamSynchronize(state_->stream), "copying the window");
    state_->window_height = window_height;
    state_->window_width = window_width;
}

CudaCanvas::~CudaCanvas() = default;

Box CudaCanvas::extent() const { return state_->extent(); }

AddReport CudaCanvas::add(const PatchBatch& batch, const double* positions) {
    State& s = *state_;
    std::lock_guard<std::mutex> lock(s.mutex);
    s.check(batch, positions);
    AddReport report;
    if (batch.count == 0) return report;
    use(s.device);
    const PatchBatch there = s.bring(batch);
    s.gather(there, s.place(there, positions, report));
    return report;
}

Box CudaCanvas::take_dirty() {
    std::lock_guard<std::mutex> lock(state_->mutex);
    return std::exchange(state_->dirty, Box{});
}

void CudaCanvas::reset() {
    std::lock_guard<std::mutex> lock(state_->mutex);
    use(state_->device);
    state_->clear();
    state_->dirty = state_->extent();
}

void CudaCanvas::image(const Box& box, std::complex<float>* out) const {
    state_->read_planes(box, {Reading::real, Reading::imag}, reinterpret_cast<float*>(out));
}

void CudaCanvas::coverage(const Box& box, float* out) const {
    state_->read_planes(box, {Reading::coverage}, out);
}

void CudaCanvas::spread(const Box& box, float* out) const {
    require(state_->options.spread, "this canvas was made without the spread");
    state_->read_planes(box, {Reading::spread}, out);
}

}  // namespace ptychoscope
