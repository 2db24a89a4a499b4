// What a canvas on a device holds. Internal to cuda_canvas*.cpp.
#pragma once

#include <memory>
#include <vector>

#include "ptychoscope/cuda_canvas.h"
#include "stitch/shared_state.h"
#include "stitch_cuda/canvas_sums.h"

namespace ptychoscope {

/// Memory of the device that one call of add() needs and the next one uses again.
struct AddBuffers {
    DeviceArray<char> first, second;  // patches that came from the host
    DeviceArray<float> rotations, converted;
    DeviceArray<double> positions;
    DeviceArray<std::uint32_t> largest;
    DeviceArray<Placement> placements;
    DeviceArray<PatchSummary> summaries;
    DeviceArray<std::int32_t> list_starts, entries;
    explicit AddBuffers(Device& d)
        : first(d),
          second(d),
          rotations(d),
          converted(d),
          positions(d),
          largest(d),
          placements(d),
          summaries(d),
          list_starts(d),
          entries(d) {}
};

struct CudaCanvas::State : SharedState<CudaCanvasOptions> {
    std::unique_ptr<Device> device;
    DeviceAccumulator accumulator;  // on a box that holds the extent and, when growing, some more
    DeviceArray<float> window;
    AddBuffers buffers;
    double device_seconds = 0;
    mutable DeviceArray<float> reading;

    State(std::int64_t height, std::int64_t width, const CudaCanvasOptions& options);
    void set_window(const float* values, std::int64_t height, std::int64_t width);

    void check(const PatchBatch& batch, const double* positions) const;
    std::int64_t patches_at_once(const PatchBatch& batch) const;
    /// The same patches in memory of the device.
    PatchBatch upload(const PatchBatch& batch);
    /// What the patches are added from: the batch itself, or float32 parts in a buffer. Summarises each.
    FloatPlanes inspect(const PatchBatch& batch, const double* positions,
                        std::vector<PatchSummary>& summaries);
    /// Adds patches start, start + 1, ... of a call.
    void add(const PatchBatch& batch, const double* positions, std::int64_t start, AddReport& report);
    /// Adds those of [from, to), which reach the pixels of `reached`.
    void stitch(const FloatPlanes& patches, std::int64_t from, std::int64_t to, const Box& reached);
    TileLists list(std::int64_t count, const Placement* placements, const FloatPlanes& patches,
                   const Box& reached);

    /// `numbers` per pixel; Part is the member of Output to read.
    void read(const Box& box, float* Output::* part, int numbers, float* out) const;
};

}  // namespace ptychoscope
