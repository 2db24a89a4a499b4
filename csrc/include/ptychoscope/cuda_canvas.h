// CudaCanvas: a Canvas whose sums lie on an NVIDIA device, for patches that are there already.
//
// It computes what Canvas computes, by the same operations in the same order, and its bits do not depend on
// how patches were split over calls. Every build has the class; without CUDA, or without a device, only the
// canvas on kHostDevice can be made.
//
// Threads. Calls may come from any thread; each waits for the one before it. One that works on the device
// makes it the current one of its thread, and leaves it so.
//
// Errors. Beside what each call names: CudaError from every call that works on the device, std::bad_alloc
// and, when threads cannot be started, std::system_error. After a CudaError the sums are not to be trusted.
//
// ABI: none across minor versions, see version.h.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "ptychoscope/canvas.h"

namespace ptychoscope {

/// No device, no driver, or a call to CUDA that failed.
class PTYCHOSCOPE_API CudaError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What the kernels were compiled for, as CMake names architectures ("80-real 90"); empty without CUDA.
PTYCHOSCOPE_API std::string cuda_architectures();

/// Devices that can be used now; 0 without CUDA or a driver.
PTYCHOSCOPE_API int cuda_devices();

/// Not a device: the same kernels, run thread by thread on the host. Slow; for tests, and for seeing without
/// a device what one would do.
constexpr int kHostDevice = -1;

/// Bytes per second that a device reads and writes while it copies `bytes` of its memory; the best of
/// `rounds`. Throws CudaError.
PTYCHOSCOPE_API double copy_bandwidth(int device, std::int64_t bytes, int rounds);

/// `threads` counts for kHostDevice only.
struct CudaCanvasOptions : CanvasOptions {
    int device = 0;
    /// Add by atomic operations, patch by patch, instead of pixel by pixel in the order of the patches. Float
    /// sums then differ in their last bits from run to run, and can keep no spread; exact sums do neither.
    bool atomics = false;
};

class PTYCHOSCOPE_API CudaCanvas {
  public:
    /// `window` as for Canvas, in host memory. Throws std::invalid_argument, also for coverage = false and
    /// for atomics with the spread of float sums.
    CudaCanvas(std::int64_t height, std::int64_t width, const float* window, std::int64_t window_height,
               std::int64_t window_width, const CudaCanvasOptions& options);
    ~CudaCanvas();
    CudaCanvas(const CudaCanvas&) = delete;
    CudaCanvas& operator=(const CudaCanvas&) = delete;

    const CudaCanvasOptions& options() const;
    Box extent() const;

    /// As Canvas::add, with positions and rotations in host memory. The patches may lie on the device, where
    /// they are read in place, or on the host, from where they are copied; addresses and strides are whole
    /// multiples of the size of their numbers. With `wait`, waits for all work that the device has been given
    /// before; a caller who has made stream() wait for what writes the patches can do without. Returns when
    /// the patches are added. Throws as Canvas::add, and std::invalid_argument for patches on another device
    /// or at addresses that are no multiples.
    AddReport add(const PatchBatch& patches, const double* positions, bool wait = true);

    /// Seconds that the device took for the last add(), by its own clock.
    double device_seconds() const;

    /// The cudaStream_t in which the canvas works.
    std::uintptr_t stream() const;

    /// As for Canvas, exceptions too; what is read is written to host memory. Canvases on different devices
    /// merge too.
    Box take_dirty();
    void reset();
    void merge(const CudaCanvas& other);
    void image(const Box& box, std::complex<float>* out) const;
    void coverage(const Box& box, float* out) const;
    void spread(const Box& box, float* out) const;

  private:
    struct PTYCHOSCOPE_INTERNAL State;
    std::unique_ptr<State> state_;
};

}  // namespace ptychoscope
