// The stitch kernels for NVIDIA devices: a grid of threads around what gather.h says that one thread does.
#include "stitch_cuda.h"

namespace ptychoscope {

namespace {

constexpr int kCheckThreads = 256, kReadThreads = 256;

/// One block per patch.
__global__ void check_patches(GatherPlanes p, unsigned char* bad) {
    const std::int64_t patch = blockIdx.x, pixels = p.height * p.width;
    const float *first = p.first + patch * p.patch_stride, *second = p.second + patch * p.patch_stride;
    bool found = false;
    for (std::int64_t i = threadIdx.x; i < pixels; i += kCheckThreads) {
        const std::int64_t at = i / p.width * p.row_stride + i % p.width * p.column_stride;
        found = found || !isfinite(first[at]) || !isfinite(second[at]);
    }
    const int any = __syncthreads_or(found);
    if (threadIdx.x == 0) bad[patch] = any != 0;
}

/// One block per tile, 32 x 8 threads.
template <int Taps>
__global__ void __launch_bounds__(kTileSide* kTileSide / kRowsPerThread) gather(GatherCall call) {
    gather_column<Taps>(call, blockIdx.x, static_cast<int>(threadIdx.x), static_cast<int>(threadIdx.y));
}

__global__ void read(GatherSums sums, Reading reading, Box box, float* out, int step) {
    const std::int64_t width = box.column1 - box.column0, count = (box.row1 - box.row0) * width;
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kReadThreads + threadIdx.x;
    if (i >= count) return;
    const std::int64_t at = (box.row0 + i / width) * sums.width + box.column0 + i % width;
    out[i * step] = read_pixel(sums, reading, at);
}

unsigned blocks(std::int64_t n) { return static_cast<unsigned>(n); }

}  // namespace

void find_bad_patches(const GatherPlanes& patches, std::int64_t count, unsigned char* bad,
                      cudaStream_t stream) {
    check_patches<<<blocks(count), kCheckThreads, 0, stream>>>(patches, bad);
}

void gather_tiles(const GatherCall& call, std::int64_t tiles, Interpolation interpolation,
                  cudaStream_t stream) {
    const dim3 threads(kTileSide, kTileSide / kRowsPerThread);
    switch (interpolation) {
        case Interpolation::nearest:
            return gather<1><<<blocks(tiles), threads, 0, stream>>>(call);
        case Interpolation::bilinear:
            return gather<2><<<blocks(tiles), threads, 0, stream>>>(call);
        case Interpolation::cubic:
            return gather<4><<<blocks(tiles), threads, 0, stream>>>(call);
        case Interpolation::lanczos3:
            return gather<6><<<blocks(tiles), threads, 0, stream>>>(call);
    }
}

void read_box(const GatherSums& sums, Reading reading, const Box& box, float* out, int step,
              cudaStream_t stream) {
    const std::int64_t count = (box.row1 - box.row0) * (box.column1 - box.column0);
    read<<<blocks((count + kReadThreads - 1) / kReadThreads), kReadThreads, 0, stream>>>(sums, reading, box,
                                                                                         out, step);
}

}  // namespace ptychoscope
