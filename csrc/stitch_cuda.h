// The kernels of stitch.cu, as cuda_canvas.cpp launches them. Pointers are to memory of the current device.
#pragma once

#include <cuda_runtime_api.h>

#include "gather.h"

namespace ptychoscope {

/// bad[i] becomes 1 when a value of patch i is not finite, 0 otherwise.
void find_bad_patches(const GatherPlanes& patches, std::int64_t count, unsigned char* bad,
                      cudaStream_t stream);

/// Adds the patches of a call to its sums.
void gather_tiles(const GatherCall& call, std::int64_t tiles, Interpolation interpolation,
                  cudaStream_t stream);

/// Reads a box, row by row; element i of the box goes to out[i * step].
void read_box(const GatherSums& sums, Reading reading, const Box& box, float* out, int step,
              cudaStream_t stream);

}  // namespace ptychoscope
