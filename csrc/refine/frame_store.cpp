#include "refine/frame_store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "refine/subpixel_probes.h"

namespace ptychoscope {

FrameStore::FrameStore(int window, int height, int width, int lanes)
    : window_(window), height_(height), width_(width), lanes_(lanes) {}

void FrameStore::grow(int top, int left, int height, int width) {
    height_ = height, width_ = width;
    for (Corner& corner : corner_) corner.y += top, corner.x += left;
    for (std::vector<double>* positions : {&position_, &added_position_})
        for (std::size_t i = 0; i < positions->size(); i += 2)
            (*positions)[i] += top, (*positions)[i + 1] += left;
}

std::size_t FrameStore::packed_size() const {
    return at((window_ + lanes_ - 1) / lanes_) * at(window_) * at(lanes_);
}

void FrameStore::keep_in(const std::string& folder, std::size_t memory) {
    if (count() > 0) throw std::invalid_argument("frames were added before a folder for them was named");
    scratch_ = std::make_unique<ScratchFile>(folder);
    most_in_memory_ = memory;
}

float* FrameStore::room() {
    if (scratch_ && (memory_.size() + 1) * packed_size() * sizeof(float) > most_in_memory_) {
        first_in_file_ = std::min(first_in_file_, count());
        return scratch_->append(packed_size());
    }
    memory_.emplace_back(packed_size());
    return memory_.back().get();
}

/// Un-shifts, transposes and scales by 1 / N; what is unmeasured becomes -1. Returns sum A^2 / N^2.
double FrameStore::pack(const float* amplitude, float* packed) const {
    const int n = window_;
    const float scale = 1.f / static_cast<float>(n);
    double energy = 0;
    for (int ky = 0; ky < n; ++ky) {
        const float* row = amplitude + (ky + n / 2) % n * n;
        float* to = packed + ky / lanes_ * n * lanes_ + ky % lanes_;
        float sum = 0;
        for (int x = 0; x < n; ++x) {
            const int kx = x < n / 2 ? x + n - n / 2 : x - n / 2;
            const float a = row[x] * scale;
            const bool measured = a >= 0 && a <= std::numeric_limits<float>::max();
            to[kx * lanes_] = measured ? a : -1.f;
            sum += measured ? a * a : 0.f;
        }
        energy += sum;
    }
    return energy;
}

AlignedFloats FrameStore::pack_plane(const float* plane, float scale) const {
    const int n = window_;
    AlignedFloats packed(packed_size());
    for (int ky = 0; ky < n; ++ky) {
        float* to = packed.get() + ky / lanes_ * n * lanes_ + ky % lanes_;
        const float* row = plane + (ky + n / 2) % n * n;
        for (int kx = 0; kx < n; ++kx) to[kx * lanes_] = row[(kx + n / 2) % n] * scale;
    }
    return packed;
}

void FrameStore::unpack(const float* packed, float* out) const {
    const int n = window_;
    for (int ky = 0; ky < n; ++ky) {
        const float* from = packed + ky / lanes_ * n * lanes_ + ky % lanes_;
        float* row = out + (ky + n / 2) % n * n;
        for (int kx = 0; kx < n; ++kx) row[(kx + n / 2) % n] = from[kx * lanes_];
    }
}

/// Corner and fraction of a position; false when the window leaves the object.
bool FrameStore::split_subpixel(const double* position, Corner& placed, int& fraction_index) const {
    int corner[2], fraction[2];
    const int side[2] = {height_, width_};
    for (std::size_t axis = 0; axis < 2; ++axis) {
        const double steps = std::floor(position[axis] * kFractions + 0.5);
        if (!(std::abs(steps) < 1e9)) return false;
        const double whole = std::floor((steps + kFractions / 2) / kFractions);
        corner[axis] = static_cast<int>(whole) - window_ / 2;
        fraction[axis] = static_cast<int>(steps - whole * kFractions) + kFractions / 2;
        if (corner[axis] < 0 || corner[axis] + window_ > side[axis]) return false;
    }
    placed = {corner[0], corner[1]};
    fraction_index = fraction[0] * kFractions + fraction[1];
    return true;
}

int FrameStore::first_outside(const double* positions) const {
    Corner corner;
    int fraction = 0;
    for (int frame : usable(0, count()))
        if (!split_subpixel(positions + 2 * at(frame), corner, fraction)) return frame;
    return -1;
}

void FrameStore::place(const double* positions) {
    added_position_.clear();
    for (int frame : usable(0, count())) {
        const double* from = positions + 2 * at(frame);
        std::copy(from, from + 2, position_.begin() + 2 * frame);
        split_subpixel(from, corner_[at(frame)], fraction_[at(frame)]);
    }
}

void FrameStore::add(const float* amplitudes, const double* positions, int count) {
    const std::size_t pixels = at(window_) * at(window_);
    for (std::size_t i = 0; i < at(count); ++i) {
        float* packed = room();
        energy_.push_back(pack(amplitudes + i * pixels, packed));
        amplitude_.push_back(packed);
        position_.insert(position_.end(), {positions[2 * i], positions[2 * i + 1]});
        if (!added_position_.empty())
            added_position_.insert(added_position_.end(), {positions[2 * i], positions[2 * i + 1]});
        misfit_.push_back(std::numeric_limits<double>::quiet_NaN());
        corner_.emplace_back();
        fraction_.push_back(0);
        visits_.push_back(0);
        FrameState state = FrameState::used;
        if (!(energy_.back() > 0)) state = FrameState::dark;
        if (!split_subpixel(positions + 2 * i, corner_.back(), fraction_.back())) state = FrameState::outside;
        if (!std::isfinite(positions[2 * i]) || !std::isfinite(positions[2 * i + 1]))
            state = FrameState::unplaced;
        state_.push_back(state);
        visited(this->count() - 1);
        if (state == FrameState::used) continue;
        amplitude_.back() = nullptr;
        if (this->count() - 1 < first_in_file_) memory_.pop_back();
    }
}

void FrameStore::add_counts(double counts) {
    const int n = window_, panels = (n + lanes_ - 1) / lanes_;
    const float added = static_cast<float>(counts / (static_cast<double>(n) * n));
    for (int frame : usable(0, count())) {
        double energy = 0;
        float* amplitude = amplitude_[at(frame)];
        for (int panel = 0; panel < panels; ++panel)
            for (int kx = 0; kx < n; ++kx, amplitude += lanes_)
                for (int lane = 0; lane < std::min(lanes_, n - panel * lanes_); ++lane) {
                    float& a = amplitude[lane];
                    if (a < 0) continue;
                    a = std::sqrt(std::max(a * a + added, 0.f));
                    energy += a * a;
                }
        energy_[at(frame)] = energy;
        visited(frame);
    }
}

double FrameStore::move(int frame, double dy, double dx, double limit) {
    if (added_position_.empty()) added_position_ = position_;
    double squared = 0;
    const double step[2] = {dy, dx};
    const int side[2] = {height_, width_};
    for (std::size_t axis = 0; axis < 2; ++axis) {
        double& position = position_[2 * at(frame) + axis];
        const double added = added_position_[2 * at(frame) + axis], half_step = 0.5 / kFractions;
        const double least = std::max(added - limit, window_ / 2 - 0.5 + half_step);
        const double most = std::min(added + limit, side[axis] - window_ + window_ / 2 + 0.5 - 2 * half_step);
        const double next =
            std::min(std::max(position + step[axis], std::min(least, added)), std::max(most, added));
        squared += (next - position) * (next - position);
        position = next;
    }
    split_subpixel(&position_[2 * at(frame)], corner_[at(frame)], fraction_[at(frame)]);
    return squared;
}

void FrameStore::set_aside(int frame, bool aside) {
    FrameState& state = state_[at(frame)];
    if (state == (aside ? FrameState::used : FrameState::set_aside))
        state = aside ? FrameState::set_aside : FrameState::used;
}

std::vector<int> FrameStore::usable(int first, int last) const {
    std::vector<int> frames;
    for (int k = first; k < last; ++k)
        if (state_[at(k)] == FrameState::used || state_[at(k)] == FrameState::set_aside) frames.push_back(k);
    return frames;
}

std::vector<int> FrameStore::used(int first, int last) const {
    std::vector<int> frames;
    for (int k = first; k < last; ++k)
        if (state_[at(k)] == FrameState::used) frames.push_back(k);
    return frames;
}

}  // namespace ptychoscope
