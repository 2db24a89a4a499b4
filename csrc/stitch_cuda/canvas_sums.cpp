#include "stitch_cuda/canvas_sums.h"

#include <vector>

#include "stitch/canvas_sums.h"

namespace ptychoscope {

namespace {

constexpr std::int64_t kRowElements = 32;  // rows start where a warp reads whole lines

}  // namespace

DeviceAccumulator::DeviceAccumulator(Device& device, const Box& box, Accumulate accumulate, bool spread)
    : device_(&device), box_(box), accumulate_(accumulate), memory_(device), largest_(device) {
    sums_.pitch = (box.column1 - box.column0 + kRowElements - 1) / kRowElements * kRowElements;
    const std::int64_t plane = (box.row1 - box.row0) * sums_.pitch * number_bytes();
    char* memory = memory_.zeros(plane * (spread ? 4 : 3));
    sums_.re = memory;
    sums_.im = memory + plane;
    sums_.weight = memory + 2 * plane;
    sums_.moment = spread ? memory + 3 * plane : nullptr;
}

void DeviceAccumulator::set_quanta(double quantum, double moment_quantum) {
    sums_.quantum = quantum;
    sums_.moment_quantum = moment_quantum;
}

std::int64_t DeviceAccumulator::bytes() const {
    return (box_.row1 - box_.row0) * sums_.pitch * number_bytes() * (sums_.moment ? 4 : 3);
}

void* DeviceAccumulator::plane(int i) const {
    void* const planes[] = {sums_.re, sums_.im, sums_.weight, sums_.moment};
    return planes[i];
}

void DeviceAccumulator::clear() { device_->zero(memory_.get(), static_cast<std::size_t>(bytes())); }

Pixels DeviceAccumulator::pixels(const Box& box) const {
    return {(box.row0 - box_.row0) * sums_.pitch + box.column0 - box_.column0, box.row1 - box.row0,
            box.column1 - box.column0, sums_.pitch};
}

void DeviceAccumulator::grow_to(const Box& box) {
    DeviceAccumulator larger(*device_, box, accumulate_, sums_.moment != nullptr);
    larger.set_quanta(sums_.quantum, sums_.moment_quantum);
    const auto number = static_cast<std::size_t>(number_bytes());
    const auto to_pitch = static_cast<std::size_t>(larger.sums_.pitch) * number;
    const auto from_pitch = static_cast<std::size_t>(sums_.pitch) * number;
    const auto start = static_cast<std::size_t>(larger.pixels(box_).start) * number;
    for (int i = 0; i < (sums_.moment ? 4 : 3); ++i)
        device_->copy_rows(static_cast<char*>(larger.plane(i)) + start, to_pitch, plane(i), from_pitch,
                           static_cast<std::size_t>(box_.column1 - box_.column0) * number,
                           static_cast<std::size_t>(box_.row1 - box_.row0));
    device_->wait();
    memory_.swap(larger.memory_);
    box_ = larger.box_;
    sums_ = larger.sums_;
}

void DeviceAccumulator::read(const Box& box, const Output& output) const {
    PixelCall call;
    call.sums = sums_;
    call.pixels = pixels(box);
    call.output = output;
    device_->read(call, accumulate_);
}

void DeviceAccumulator::merge(const DeviceAccumulator& other, const Box& box) {
    PixelCall call;
    call.sums = sums_;
    call.pixels = pixels(box);
    call.other = other.sums_;
    call.other_pixels = other.pixels(box);
    device_->merge(call, accumulate_);
    device_->wait();
}

LargestCounts DeviceAccumulator::largest_counts() const {
    PixelCall call;
    call.sums = sums_;
    call.pixels = pixels(box_);
    call.largest = largest_.zeros(2);
    device_->largest(call);
    std::uint64_t found[2];
    largest_.download(found, 2);
    return {static_cast<double>(found[0]), static_cast<double>(found[1])};
}

std::unique_ptr<DeviceAccumulator> DeviceAccumulator::copy_on(Device& device) const {
    std::vector<char> sums(static_cast<std::size_t>(bytes()));
    device_->use();
    memory_.download(sums.data(), bytes());
    device.use();
    auto copy = std::make_unique<DeviceAccumulator>(device, box_, accumulate_, sums_.moment != nullptr);
    copy->set_quanta(sums_.quantum, sums_.moment_quantum);
    copy->memory_.upload(sums.data(), bytes());
    device.wait();
    return copy;
}

}  // namespace ptychoscope
