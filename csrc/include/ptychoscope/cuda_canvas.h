// CudaCanvas: a Canvas whose sums lie on an NVIDIA device, for patches that are there already.
//
// It computes what Canvas computes with Accumulate::float32, by the same operations in the same order, and
// its bits do not depend on how patches were split over calls. A build without CUDA has the class too: making
// one throws CudaError.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "ptychoscope/canvas.h"

namespace ptychoscope {

/// No device, no driver, or a call to CUDA that failed.
class CudaError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What the kernels were compiled for, as CMake names architectures ("80-real 90"); empty without CUDA.
std::string cuda_architectures();

/// Devices that can be used now; 0 without CUDA or a driver.
int cuda_devices();

struct CudaCanvasOptions {
    Interpolation interpolation = Interpolation::cubic;
    bool spread = true;  ///< keep the second moment; without it spread() throws
    int device = 0;
};

class CudaCanvas {
  public:
    /// `window` as for Canvas, in host memory. Throws std::invalid_argument, CudaError.
    CudaCanvas(std::int64_t height, std::int64_t width, const float* window, std::int64_t window_height,
               std::int64_t window_width, const CudaCanvasOptions& options);
    ~CudaCanvas();
    CudaCanvas(const CudaCanvas&) = delete;
    CudaCanvas& operator=(const CudaCanvas&) = delete;

    Box extent() const;

    /// Adds patches centred on `positions` (count, 2), which lie in host memory. The patches may lie on the
    /// device, where they are read in place, or on the host (strides not negative), from where they are
    /// copied. They must be float32 real and imaginary parts without rotations, at strides of whole floats.
    /// Waits for all work that the device has been given before, and returns when the patches are added.
    /// Throws std::invalid_argument, CudaError.
    AddReport add(const PatchBatch& patches, const double* positions);

    /// As for Canvas; what is read is written to host memory.
    Box take_dirty();
    void reset();
    void image(const Box& box, std::complex<float>* out) const;
    void coverage(const Box& box, float* out) const;
    void spread(const Box& box, float* out) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ptychoscope
