// A device: memory of its own, and the kernels that the canvas launches there.
//
// There are two. One is an NVIDIA device (cuda_device.cu). The other walks through the same kernels on the
// host, in an order of blocks and threads drawn at random (emulated_device.cpp): slow, but whatever a canvas
// does on a device can be run, compared and put under sanitizers where there is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "stitch_cuda/prepare_patches.h"
#include "stitch_cuda/read_merge_kernels.h"
#include "stitch_cuda/stitch_kernels.h"

namespace ptychoscope {

class Device {
  public:
    virtual ~Device() = default;

    /// Makes the device the current one of the calling thread.
    virtual void use() = 0;
    virtual void* allocate(std::size_t bytes) = 0;
    virtual void release(void* memory) noexcept = 0;

    // In the order of the calls. download() returns when the copy is there.
    virtual void zero(void* memory, std::size_t bytes) = 0;
    virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
    virtual void download(void* to, const void* from, std::size_t bytes) = 0;
    /// `rows` rows of `bytes` from one address on the device to another.
    virtual void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                           std::size_t bytes, std::size_t rows) = 0;
    /// Returns when all calls are done.
    virtual void wait() = 0;
    /// Returns when everybody's work on the device is done.
    virtual void wait_for_all() = 0;
    /// The stream of the calls, as CUDA numbers them.
    virtual std::uintptr_t stream() const = 0;
    /// From start_clock() to stop_clock(), as the device sees it, in seconds; stop_clock() waits.
    virtual void start_clock() = 0;
    virtual double stop_clock() = 0;
    /// Whether memory lies on this device; throws when it lies on another one.
    virtual bool holds(const void* memory) const = 0;

    virtual void inspect(const InspectPatches& call, std::int64_t patches) = 0;
    virtual void place(const PlacePatches& call) = 0;
    virtual void list_tiles(const TileLists& lists) = 0;
    virtual void stitch(const StitchCall& call, Interpolation interpolation, Accumulate accumulate) = 0;
    virtual void scatter(const StitchCall& call, std::int64_t patches, Interpolation interpolation,
                         Accumulate accumulate) = 0;
    virtual void read(const PixelCall& call, Accumulate accumulate) = 0;
    virtual void merge(const PixelCall& call, Accumulate accumulate) = 0;
    virtual void largest(const PixelCall& call) = 0;
};

/// Throws CudaError when there is no such device, or no CUDA in this build.
std::unique_ptr<Device> make_cuda_device(int number);
/// Blocks are shared by `threads` threads.
std::unique_ptr<Device> make_emulated_device(int threads);

/// Room for `T`s on a device, which keeps nothing when it grows.
template <class T>
class DeviceArray {
  public:
    explicit DeviceArray(Device& device) : device_(&device) {}
    ~DeviceArray() { device_->release(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;
    void swap(DeviceArray& other) {
        std::swap(device_, other.device_);
        std::swap(data_, other.data_);
        std::swap(capacity_, other.capacity_);
    }

    /// Room for `count`.
    T* reserve(std::int64_t count) {
        if (count <= capacity_) return data_;
        device_->release(std::exchange(data_, nullptr));
        capacity_ = 0;
        data_ = static_cast<T*>(device_->allocate(static_cast<std::size_t>(count) * sizeof(T)));
        capacity_ = count;
        return data_;
    }
    T* zeros(std::int64_t count) {
        reserve(count);
        device_->zero(data_, static_cast<std::size_t>(count) * sizeof(T));
        return data_;
    }
    T* upload(const T* from, std::int64_t count) {
        reserve(count);
        device_->upload(data_, from, static_cast<std::size_t>(count) * sizeof(T));
        return data_;
    }
    void download(T* to, std::int64_t count) const {
        device_->download(to, data_, static_cast<std::size_t>(count) * sizeof(T));
    }
    T* get() const { return data_; }

  private:
    Device* device_;
    T* data_ = nullptr;
    std::int64_t capacity_ = 0;
};

}  // namespace ptychoscope
