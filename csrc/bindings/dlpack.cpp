// What a DLPack capsule says of an array. The layout of the structures is the standard's
// (https://dmlc.github.io/dlpack/latest/c_api.html), versions 0 and 1.
//
// The capsule is read, not taken over: whoever holds it keeps the array alive.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace py = pybind11;

namespace {

struct DlTensor {
    void* data;
    std::int32_t device_type, device_id;
    std::int32_t dimensions;
    std::uint8_t type_code, type_bits;
    std::uint16_t type_lanes;
    std::int64_t* shape;
    std::int64_t* strides;  // in elements; nullptr: dense
    std::uint64_t byte_offset;
};

/// Capsules named "dltensor" begin with the tensor.
struct VersionedTensor {
    std::uint32_t major, minor;
    void* context;
    void (*deleter)(VersionedTensor*);
    std::uint64_t flags;
    DlTensor tensor;
};

struct DlpackArray {
    std::uintptr_t address;
    std::vector<std::int64_t> shape, strides;
    std::string type;
    int device_type, device_id;
};

const DlTensor& tensor_in(const py::object& capsule) {
    PyObject* object = capsule.ptr();
    if (PyCapsule_IsValid(object, "dltensor"))
        return *static_cast<DlTensor*>(PyCapsule_GetPointer(object, "dltensor"));
    if (!PyCapsule_IsValid(object, "dltensor_versioned"))
        throw std::invalid_argument("not a DLPack capsule, or one that was used before");
    const auto& versioned =
        *static_cast<VersionedTensor*>(PyCapsule_GetPointer(object, "dltensor_versioned"));
    if (versioned.major != 1)
        throw std::invalid_argument("DLPack of version " + std::to_string(versioned.major) + "." +
                                    std::to_string(versioned.minor) + " is unknown: 0 and 1 are understood");
    return versioned.tensor;
}

/// As NumPy names types.
std::string type_name(const DlTensor& t) {
    const char* kind = t.type_code == 0   ? "int"
                       : t.type_code == 1 ? "uint"
                       : t.type_code == 2 ? "float"
                       : t.type_code == 4 ? "bfloat"
                       : t.type_code == 5 ? "complex"
                                          : "unknown";
    return kind + std::to_string(t.type_bits) + (t.type_lanes == 1 ? "" : "x" + std::to_string(t.type_lanes));
}

DlpackArray look_into(const py::object& capsule) {
    const DlTensor& t = tensor_in(capsule);
    if (t.dimensions < 0 || t.dimensions > 64 || (t.dimensions > 0 && !t.shape))
        throw std::invalid_argument("a DLPack array of " + std::to_string(t.dimensions) + " dimensions");
    DlpackArray array;
    array.address = reinterpret_cast<std::uintptr_t>(t.data) + t.byte_offset;
    array.shape.assign(t.shape, t.shape + t.dimensions);
    array.strides.resize(array.shape.size());
    std::int64_t dense = 1;
    for (std::size_t axis = array.shape.size(); axis-- > 0;) {
        array.strides[axis] = (t.strides ? t.strides[axis] : dense) * (t.type_bits * t.type_lanes / 8);
        dense *= array.shape[axis];
    }
    array.type = type_name(t);
    array.device_type = t.device_type;
    array.device_id = t.device_id;
    return array;
}

}  // namespace

void register_dlpack(py::module_& m) {
    py::class_<DlpackArray>(m, "DlpackArray", "What a DLPack capsule says of an array.")
        .def_readonly("address", &DlpackArray::address)
        .def_readonly("shape", &DlpackArray::shape)
        .def_readonly("strides", &DlpackArray::strides, "Bytes.")
        .def_readonly("type", &DlpackArray::type, "As NumPy names types.")
        .def_readonly("device_type", &DlpackArray::device_type, "1: the host, 2: CUDA, 13: CUDA, managed.")
        .def_readonly("device_id", &DlpackArray::device_id);
    m.def("look_into_dlpack", &look_into, py::arg("capsule"), "Valid as long as the capsule is held.");
}
