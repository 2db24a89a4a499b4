#include <algorithm>

#include "refine/refiner_state.h"

namespace ptychoscope {

/// Remembers the object, so that go_on() sees what the sweep changed.
void Refiner::State::begin_momentum(const SweepOptions& options) {
    if (options.mode != SweepMode::sequential) return;
    if (!(options.momentum > 0)) return forget_momentum();
    if (!velocity_) {
        velocity_ = std::make_unique<ObjectPlanes>(height, width);
        before_ = std::make_unique<ObjectPlanes>(height, width);
    }
    std::copy(object.re(), object.re() + object.floats(), before_->re());
    std::copy(object.im(), object.im() + object.floats(), before_->im());
}

/// v = m v + what the sweep changed; the object goes on by m v.
void Refiner::State::go_on(float momentum) {
    constexpr std::size_t kShare = std::size_t{1} << 16;
    const std::size_t count = object.floats();
    pool_.run(static_cast<int>((count + kShare - 1) / kShare), [&](int share) {
        const std::size_t first = static_cast<std::size_t>(share) * kShare;
        const std::size_t last = std::min(first + kShare, count);
        const auto advance = [&](float* o, const float* before, float* v) {
            for (std::size_t i = first; i < last; ++i) {
                v[i] = momentum * v[i] + (o[i] - before[i]);
                o[i] += momentum * v[i];
            }
        };
        advance(object.re(), before_->re(), velocity_->re());
        advance(object.im(), before_->im(), velocity_->im());
    });
}

}  // namespace ptychoscope
