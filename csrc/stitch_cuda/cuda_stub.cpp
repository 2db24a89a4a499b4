// A build without CUDA: there is no device but the emulated one.
#include "ptychoscope/cuda_canvas.h"
#include "stitch_cuda/device.h"

namespace ptychoscope {

std::string cuda_architectures() { return ""; }
int cuda_devices() { return 0; }

std::unique_ptr<Device> make_cuda_device(int number) {
    throw CudaError("there is no CUDA device " + std::to_string(number) +
                    ": this build has no CUDA kernels; install nvcc and build with PTYCHOSCOPE_CUDA=ON");
}

}  // namespace ptychoscope
