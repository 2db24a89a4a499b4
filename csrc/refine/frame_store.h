// The frames of a refiner: amplitudes in the kernels' layout, corners, and what is known about each; and the
// order in which a sweep visits them: what may run side by side, and in which sequence.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cpu/aligned_buffer.h"
#include "ptychoscope/refiner.h"
#include "refine/scratch_file.h"

namespace ptychoscope {

struct Corner {
    int y = 0, x = 0;
};

class FrameStore {
  public:
    FrameStore(int window, int height, int width, int lanes);

    /// The object reaches over height x width, and index [0, 0] of before lies at (top, left).
    void grow(int top, int left, int height, int width);

    /// Amplitudes beyond the first `memory` bytes lie in a scratch file in `folder`; before the first frame.
    void keep_in(const std::string& folder, std::size_t memory);
    void add(const float* amplitudes, const double* positions, int count);
    /// Moves a frame, within `limit` of where it was added and within the object; returns the squared
    /// distance.
    double move(int frame, double dy, double dx, double limit);

    /// The first usable frame whose window leaves the object at positions (count, 2); -1: none.
    int first_outside(const double* positions) const;
    /// Puts every usable frame at its position (count, 2), as if it had been added there.
    void place(const double* positions);

    /// Adds `counts` to every measured pixel of the usable frames; none falls below 0.
    void add_counts(double counts);

    /// A plane (window, window) with zero frequency at window / 2, times `scale`, laid like an amplitude.
    AlignedFloats pack_plane(const float* plane, float scale) const;
    /// Sets a frame aside or back; one that cannot be used stays what it is.
    void set_aside(int frame, bool aside);

    /// A plane that lies like an amplitude, as (window, window) with zero frequency at window / 2.
    void unpack(const float* packed, float* out) const;

    int count() const { return static_cast<int>(energy_.size()); }
    const float* amplitude(int frame) const { return amplitude_[at(frame)]; }
    /// A visit of `frame` is over: its amplitude needs no memory until the next.
    void visited(int frame) const {
        if (frame >= first_in_file_) scratch_->release(amplitude(frame), packed_size());
    }
    double energy(int frame) const { return energy_[at(frame)]; }  ///< sum A^2 / N^2 over measured pixels
    int fraction(int frame) const { return fraction_[at(frame)]; }
    const std::vector<Corner>& corners() const { return corner_; }
    const std::vector<double>& positions() const { return position_; }
    const std::vector<FrameState>& states() const { return state_; }
    std::vector<double>& misfits() { return misfit_; }
    int& visits(int frame) { return visits_[at(frame)]; }
    const std::vector<double>& misfits() const { return misfit_; }

    /// Frames first <= k < last that take part in sweeps.
    std::vector<int> used(int first, int last) const;
    /// Those, and the ones set aside.
    std::vector<int> usable(int first, int last) const;

  private:
    static std::size_t at(int frame) { return static_cast<std::size_t>(frame); }
    std::size_t packed_size() const;
    double pack(const float* amplitude, float* packed) const;
    /// Room for one packed amplitude.
    float* room();
    bool split_subpixel(const double* position, Corner& corner, int& fraction) const;

    int window_, height_, width_, lanes_;
    std::vector<AlignedFloats> memory_;
    std::unique_ptr<ScratchFile> scratch_;  ///< for frames from first_in_file_ on, where it was asked for
    std::size_t most_in_memory_ = 0;
    int first_in_file_ = std::numeric_limits<int>::max();
    std::vector<float*> amplitude_;  ///< packed; null where the frame is not used
    std::vector<double> energy_, position_, misfit_;
    std::vector<double> added_position_;  ///< empty until a frame moves: as position_
    std::vector<Corner> corner_;
    std::vector<int> fraction_, visits_;
    std::vector<FrameState> state_;
};

/// Frames of one tile, visited one after the other.
using Tile = std::vector<int>;
/// Tiles of one colour, whose windows cannot touch: they may run side by side. Colours follow one another.
using TileColour = std::vector<Tile>;

/// Every frame of `frames` once. `reach` is the number of pixels that a visit reads or writes along an axis,
/// `corners` are indexed by frame. The same arguments give the same order on every machine.
std::vector<TileColour> sweep_order(const std::vector<int>& frames, const std::vector<Corner>& corners,
                                    int reach, std::uint64_t seed);

}  // namespace ptychoscope
