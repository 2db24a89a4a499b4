// CudaCanvas in a build without CUDA: there is nothing to make.
#include "ptychoscope/cuda_canvas.h"

namespace ptychoscope {

struct CudaCanvas::State {};

std::string cuda_architectures() { return ""; }
int cuda_devices() { return 0; }

CudaCanvas::CudaCanvas(std::int64_t, std::int64_t, const float*, std::int64_t, std::int64_t,
                       const CudaCanvasOptions&) {
    throw CudaError("this build has no CUDA kernels: install nvcc and build with PTYCHOSCOPE_CUDA=ON");
}
CudaCanvas::~CudaCanvas() = default;

// Never reached: no object was made.
Box CudaCanvas::extent() const { return {}; }
AddReport CudaCanvas::add(const PatchBatch&, const double*) { return {}; }
Box CudaCanvas::take_dirty() { return {}; }
void CudaCanvas::reset() {}
void CudaCanvas::image(const Box&, std::complex<float>*) const {}
void CudaCanvas::coverage(const Box&, float*) const {}
void CudaCanvas::spread(const Box&, float*) const {}

}  // namespace ptychoscope
