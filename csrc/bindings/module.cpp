// The Python module ptychoscope._core: checks arguments, releases the GIL, calls the library.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "ptychoscope/cpu_features.h"

namespace py = pybind11;

void register_bench(py::module_& m);
void register_canvas(py::module_& m);
void register_codecs(py::module_& m);
void register_cuda_canvas(py::module_& m);
void register_dlpack(py::module_& m);
void register_phase_sync(py::module_& m);
void register_preprocess(py::module_& m);
void register_projector(py::module_& m);
void register_refiner(py::module_& m);

PYBIND11_MODULE(_core, m) {
    m.doc() = "Ptychoscope's compiled kernels";
    register_bench(m);
    register_canvas(m);
    register_codecs(m);
    register_cuda_canvas(m);
    register_dlpack(m);
    register_phase_sync(m);
    register_preprocess(m);
    register_projector(m);
    register_refiner(m);
    m.def(
        "active_isa", [] { return std::string(ptychoscope::isa_name(ptychoscope::active_isa())); },
        "Instruction set that the kernels use now: the widest, or the one named by PTYCHOSCOPE_ISA.");
    m.def(
        "available_isas",
        [] {
            std::vector<std::string> names;
            for (ptychoscope::Isa isa : ptychoscope::available_isas()) names.emplace_back(isa_name(isa));
            return names;
        },
        "Instruction sets that this machine runs, widest last.");
}
