// CudaCanvas for Python: addresses and strides in, arrays out.
#include "ptychoscope/cuda_canvas.h"

#include <pybind11/stl.h>

#include <array>

#include "bindings/canvas.h"

namespace py = pybind11;
namespace ps = ptychoscope;

namespace {

using ps::bindings::Positions;
using ps::bindings::Window;
using Three = std::array<std::int64_t, 3>;

std::unique_ptr<ps::CudaCanvas> make(std::int64_t height, std::int64_t width,
                                     const std::optional<Window>& window, const std::string& interpolation,
                                     const std::string& accumulate, int threads, bool spread, double bound,
                                     bool grow, std::int64_t max_pixels, int device, bool atomics) {
    ps::CudaCanvasOptions options;
    ps::bindings::set_options(options, interpolation, accumulate, threads, spread, bound, grow, max_pixels);
    options.device = device;
    options.atomics = atomics;
    return ps::bindings::make_canvas<ps::CudaCanvas>(height, width, window, options);
}

ps::AddReport add(ps::CudaCanvas& self, std::uintptr_t first, std::uintptr_t second, const Three& shape,
                  const Three& strides, bool float16, bool polar, const Positions& positions, bool wait) {
    ps::PatchBatch batch;
    batch.first = reinterpret_cast<const void*>(first);
    batch.second = reinterpret_cast<const void*>(second);
    batch.count = shape[0];
    batch.height = shape[1];
    batch.width = shape[2];
    batch.patch_stride = strides[0];
    batch.row_stride = strides[1];
    batch.column_stride = strides[2];
    batch.scalar = float16 ? ps::Scalar::float16 : ps::Scalar::float32;
    batch.values = polar ? ps::Values::amplitude_phase : ps::Values::real_imag;
    ps::bindings::check_positions(positions, batch.count);
    const double* centres = positions.data();
    py::gil_scoped_release release;
    return self.add(batch, centres, wait);
}

}  // namespace

void register_cuda_canvas(py::module_& m) {
    m.def("cuda_architectures", &ps::cuda_architectures,
          "What the CUDA kernels were compiled for; empty in a build without them.");
    m.def("cuda_devices", &ps::cuda_devices, "CUDA devices that can be used now.");
    m.def("copy_bandwidth", &ps::copy_bandwidth, py::arg("device"), py::arg("bytes"), py::arg("rounds"),
          py::call_guard<py::gil_scoped_release>(),
          "Bytes per second that a device reads and writes while it copies its memory.");
    m.attr("HOST_DEVICE") = ps::kHostDevice;
    py::class_<ps::CudaCanvas> canvas(
        m, "CudaCanvas", "The C++ canvas on a device; ptychoscope.CudaCanvas is its Python face.");
    canvas.def(py::init(&make), py::kw_only(), py::arg("height"), py::arg("width"), py::arg("window"),
               py::arg("interpolation"), py::arg("accumulate"), py::arg("threads"), py::arg("spread"),
               py::arg("bound"), py::arg("grow"), py::arg("max_pixels"), py::arg("device"),
               py::arg("atomics"));
    canvas.def(
        "add", &add, py::arg("first"), py::arg("second"), py::arg("shape"), py::arg("strides"), py::kw_only(),
        py::arg("float16"), py::arg("polar"), py::arg("positions"), py::arg("wait"),
        "Addresses of both planes, shape (n, P, Q), strides in bytes; the memory is the caller's to keep.");
    canvas.def("device_seconds", &ps::CudaCanvas::device_seconds,
               "What the device took for the last add(), by its own clock.");
    canvas.def("stream", &ps::CudaCanvas::stream, "The address of its cudaStream_t.");
    ps::bindings::define_canvas(canvas);
}
