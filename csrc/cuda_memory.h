// CUDA calls that throw, and memory of a device that is freed. Internal to the device's canvas.
#pragma once

#include <cuda_runtime_api.h>

#include <utility>

#include "ptychoscope/cuda_canvas.h"

namespace ptychoscope {

inline void cuda_check(cudaError_t status, const char* doing) {
    if (status != cudaSuccess)
        throw CudaError(std::string(doing) + ": " + cudaGetErrorString(status) + " (" +
                        cudaGetErrorName(status) + ")");
}

/// Room for `T`s on the current device, which grows and keeps nothing when it does.
template <class T>
class DeviceArray {
  public:
    DeviceArray() = default;
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    T* get() const { return data_; }

    void reserve(std::size_t count) {
        if (count <= capacity_) return;
        cudaFree(std::exchange(data_, nullptr));
        capacity_ = 0;
        void* memory = nullptr;
        cuda_check(cudaMalloc(&memory, count * sizeof(T)), "allocating memory of the device");
        data_ = static_cast<T*>(memory);
        capacity_ = count;
    }

    void upload(const T* from, std::size_t count, cudaStream_t stream) {
        reserve(count);
        cuda_check(cudaMemcpyAsync(data_, from, count * sizeof(T), cudaMemcpyHostToDevice, stream),
                   "copying to the device");
    }

    /// Returns when the copy is there.
    void download(T* to, std::size_t count, cudaStream_t stream) const {
        cuda_check(cudaMemcpyAsync(to, data_, count * sizeof(T), cudaMemcpyDeviceToHost, stream),
                   "copying from the device");
        cuda_check(cudaStreamSynchronize(stream), "waiting for the device");
    }

  private:
    T* data_ = nullptr;
    std::size_t capacity_ = 0;
};

/// A stream of its own.
class Stream {
  public:
    Stream() { cuda_check(cudaStreamCreate(&stream_), "making a stream"); }
    ~Stream() { cudaStreamDestroy(stream_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    operator cudaStream_t() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace ptychoscope
