// An NVIDIA device: its memory, and a grid of threads around what the kernels say that one thread does.
#include <cuda_runtime_api.h>

#include "ptychoscope/cuda_canvas.h"
#include "stitch_cuda/launch.inl"

namespace ptychoscope {

namespace {

void check(cudaError_t status, const char* doing) {
    if (status != cudaSuccess)
        throw CudaError(std::string(doing) + ": " + cudaGetErrorString(status) + " (" +
                        cudaGetErrorName(status) + ")");
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kColumns* Kernel::kRows) launch(const Kernel kernel) {
    kernel(Thread{blockIdx.x, static_cast<int>(threadIdx.x), static_cast<int>(threadIdx.y)});
}

class CudaDevice : public Device {
  public:
    explicit CudaDevice(int number) : number_(number) {
        int count = 0;
        check(cudaGetDeviceCount(&count), "looking for a CUDA device");
        if (number < 0 || number >= count)
            throw CudaError("there is no CUDA device " + std::to_string(number) + ": devices 0 to " +
                            std::to_string(count - 1) + " are there");
        use();
        check(cudaStreamCreate(&stream_), "making a stream");
        check(cudaEventCreate(&started_), "making an event");
        check(cudaEventCreate(&stopped_), "making an event");
    }
    ~CudaDevice() override {
        cudaEventDestroy(stopped_);
        cudaEventDestroy(started_);
        cudaStreamDestroy(stream_);
    }
    CudaDevice(const CudaDevice&) = delete;
    CudaDevice& operator=(const CudaDevice&) = delete;

    void use() override { check(cudaSetDevice(number_), "using a CUDA device"); }

    void* allocate(std::size_t bytes) override {
        void* memory = nullptr;
        check(cudaMalloc(&memory, bytes), "allocating memory of the device");
        return memory;
    }
    void release(void* memory) noexcept override { cudaFree(memory); }

    void zero(void* memory, std::size_t bytes) override {
        check(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory of the device");
    }
    void upload(void* to, const void* from, std::size_t bytes) override {
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "copying to the device");
    }
    void download(void* to, const void* from, std::size_t bytes) override {
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "copying from the device");
        wait();
    }
    void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                   std::size_t bytes, std::size_t rows) override {
        check(
            cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, bytes, rows, cudaMemcpyDeviceToDevice, stream_),
            "copying on the device");
    }

    void wait() override { check(cudaStreamSynchronize(stream_), "waiting for the device"); }
    void wait_for_all() override { check(cudaDeviceSynchronize(), "waiting for the patches"); }
    std::uintptr_t stream() const override { return reinterpret_cast<std::uintptr_t>(stream_); }

    void start_clock() override { check(cudaEventRecord(started_, stream_), "starting the clock"); }
    double stop_clock() override {
        float milliseconds = 0;
        check(cudaEventRecord(stopped_, stream_), "stopping the clock");
        check(cudaEventSynchronize(stopped_), "waiting for the device");
        check(cudaEventElapsedTime(&milliseconds, started_, stopped_), "reading the clock");
        return 1e-3 * static_cast<double>(milliseconds);
    }

    bool holds(const void* memory) const override {
        cudaPointerAttributes found = {};
        check(cudaPointerGetAttributes(&found, memory), "looking where the patches lie");
        if (found.type == cudaMemoryTypeManaged) return true;
        if (found.type != cudaMemoryTypeDevice) return false;
        if (found.device != number_)
            throw std::invalid_argument("patches on device " + std::to_string(found.device) +
                                        ", a canvas on device " + std::to_string(number_));
        return true;
    }

  protected:
    template <class Kernel>
    void run(const Kernel& kernel, std::int64_t blocks) {
        if (blocks == 0) return;
        const dim3 threads(Kernel::kColumns, Kernel::kRows);
        launch<<<static_cast<unsigned>(blocks), threads, 0, stream_>>>(kernel);
        check(cudaGetLastError(), "starting a kernel");
    }

  private:
    int number_;
    cudaStream_t stream_ = nullptr;
    cudaEvent_t started_ = nullptr, stopped_ = nullptr;
};

}  // namespace

std::string cuda_architectures() { return PTYCHOSCOPE_CUDA_ARCHITECTURES; }

int cuda_devices() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::unique_ptr<Device> make_cuda_device(int number) {
    return std::make_unique<DeviceKernels<CudaDevice>>(number);
}

}  // namespace ptychoscope
