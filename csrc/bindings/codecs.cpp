// The Python face of the codecs: checks arguments, releases the GIL, calls the library.
#include "ptychoscope/codecs.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace py = pybind11;

namespace {

using ptychoscope::Chunk;
using ptychoscope::Codec;

Codec codec_named(const std::string& name) {
    if (name == "lz4_block") return Codec::lz4_block;
    if (name == "lz4") return Codec::lz4;
    if (name == "bslz4") return Codec::bslz4;
    if (name == "bslz4_blocks") return Codec::bslz4_blocks;
    throw std::invalid_argument("codec must be lz4_block, lz4, bslz4 or bslz4_blocks, got " + name);
}

void decode_chunks(const py::typing::List<py::object>& chunks, const std::string& codec, py::array out,
                   int threads) {
    const Codec how = codec_named(codec);
    const py::ssize_t count = static_cast<py::ssize_t>(py::len(chunks));
    if (out.ndim() < 1 || out.shape(0) != count)
        throw std::invalid_argument("out must have one entry per chunk along its first axis");
    if (!(out.flags() & py::array::c_style) || !out.writeable())
        throw std::invalid_argument("out must be contiguous and writeable");
    if (out.itemsize() < 1 || out.itemsize() > 8 || out.dtype().attr("hasobject").cast<bool>())
        throw std::invalid_argument("out must hold numbers of 1 to 8 bytes");
    std::vector<py::buffer_info> held;  // keeps the memory of the chunks where it is
    std::vector<Chunk> views;
    for (const py::handle chunk : chunks) {
        held.push_back(py::reinterpret_borrow<py::buffer>(chunk).request());
        const py::buffer_info& info = held.back();
        if (info.ndim != 1 || (info.size > 1 && info.strides[0] != info.itemsize))
            throw std::invalid_argument("chunks must be bytes, or contiguous arrays of them");
        views.push_back({info.ptr, static_cast<std::size_t>(info.size * info.itemsize)});
    }
    const std::size_t bytes = count > 0 ? static_cast<std::size_t>(out.nbytes() / count) : 0;
    const int element = static_cast<int>(out.itemsize());
    void* to = out.mutable_data();
    py::gil_scoped_release release;
    ptychoscope::decode_chunks(views.data(), count, how, element, to, bytes, threads);
}

}  // namespace

void register_codecs(py::module_& m) {
    m.def("decode_chunks", &decode_chunks, py::arg("chunks"), py::arg("codec"), py::arg("out"),
          py::arg("threads"),
          "Decodes chunks (bytes), one for each entry along the first axis of `out`, into it.");
}
