#include "ptychoscope/projector.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "refine/rpie_kernel.h"
#include "refine/subpixel_probes.h"

namespace ptychoscope {

namespace {

std::size_t index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

struct Projector::State {
    State(int window, int count, float regularisation_, float dark_)
        : kernel(rpie_kernel(active_isa())),
          plan(window, kernel.lanes),
          probe(window, count, active_isa()),
          modes(count),
          dark(dark_ * static_cast<float>(window) * static_cast<float>(window)),
          // The table divides by (1 - a) |P|^2 + a max: the same but for a factor 1 - a.
          table_regularisation(regularisation_ / (1 + regularisation_)) {}

    void pack_amplitude(const float* amplitude, float* packed) const;
    void load_patch(const float* patch, float* re, float* im) const;
    void write(const float* back, const float* entry, float* out) const;

    const RpieKernel& kernel;
    FftPlan plan;
    ProbeTable probe;
    int modes;
    float dark, table_regularisation;
    std::mutex table;  ///< entries are made when a fraction is first met, and never change
};

Projector::Projector(const std::complex<float>* probe, int window, int modes, float regularisation,
                     float dark) {
    if (modes < 1 || !(regularisation > 0) || !(dark >= 0))
        throw std::invalid_argument(
            "Projector: modes and regularisation must be positive, dark not negative");
    Fft2d check(window);  // names the sides that cannot be transformed
    state_ = std::make_unique<State>(window, modes, regularisation, dark);
    state_->probe.set(probe);
}

Projector::~Projector() = default;

int Projector::window() const { return state_->plan.size; }

int Projector::fractions_per_pixel() { return kFractions; }

/// Zero frequency to [0][0], transposed, 1 / N: panels of ky, rows of kx.
void Projector::State::pack_amplitude(const float* amplitude, float* packed) const {
    const int n = plan.size, lanes = kernel.lanes, centre = n / 2;
    const float scale = 1.f / static_cast<float>(n);
    for (int ky = 0; ky < n; ++ky) {
        const float* row = amplitude + index((ky + centre) % n) * index(n);
        float* to = packed + index(ky / lanes * n * lanes + ky % lanes);
        for (int x = centre; x < n; ++x, to += lanes) *to = row[x] * scale;
        for (int x = 0; x < centre; ++x, to += lanes) *to = row[x] * scale;
    }
}

void Projector::State::load_patch(const float* patch, float* re, float* im) const {
    const std::size_t n = index(plan.size), padded = index(plan.padded);
    for (std::size_t y = 0; y < n; ++y) {
        std::memcpy(re + y * padded, patch + y * n, n * sizeof(float));
        std::memcpy(im + y * padded, patch + (n + y) * n, n * sizeof(float));
    }
}

/// Divides by the probe and leaves the packed layout.
void Projector::State::write(const float* back, const float* entry, float* out) const {
    const int n = plan.size, lanes = kernel.lanes;
    const float scale = 1 - table_regularisation;
    for (int j = 0; j * lanes < n; ++j) {
        const int columns = std::min(lanes, n - j * lanes);
        for (int y = 0; y < n; ++y) {
            const float* from = back + index(j) * index(panel_floats(plan, lanes)) + index(2 * y * lanes);
            const float* weight = entry + index(((j * n + y) * (2 * modes + 1) + 2 * modes) * lanes);
            float* to = out + index(y * n + j * lanes);
            for (int l = 0; l < columns; ++l) {
                to[l] = from[l] * weight[l] * scale;
                to[index(n) * index(n) + index(l)] = from[lanes + l] * weight[l] * scale;
            }
        }
    }
}

void Projector::residual(const float* patches, const float* amplitudes, const int* fractions, int count,
                         float* out) {
    State& s = *state_;
    std::vector<int> entries(index(count));
    for (int k = 0; k < count; ++k) entries[index(k)] = fractions[2 * k] * kFractions + fractions[2 * k + 1];
    {
        std::lock_guard<std::mutex> lock(s.table);
        s.probe.prepare(entries, s.table_regularisation);
    }
    const std::size_t pixels = index(s.plan.size) * index(s.plan.size);
    const std::size_t plane = index(plane_floats(s.plan)), half = plane / 2, modes = index(s.modes);
    AlignedFloats amplitude(half), object(plane), far(modes * plane), near(modes * plane), back(plane);
    AlignedFloats panels((3 + modes) * index(panel_floats(s.plan, s.kernel.lanes)));
    RpieWork work;
    work.far = far.get(), work.near = near.get(), work.back = back.get(), work.panels = panels.get();
    FrameTask task;
    task.plan = &s.plan, task.modes = s.modes, task.dark = s.dark;
    task.object_re = object.get(), task.object_im = object.get() + half;
    task.object_stride = s.plan.padded, task.amplitude = amplitude.get();
    if (!patches)
        for (std::size_t i = 0; i < half; ++i) object.get()[i] = 1;
    for (int k = 0; k < count; ++k) {
        const std::size_t frame = index(k);
        if (patches) s.load_patch(patches + 2 * frame * pixels, task.object_re, task.object_im);
        s.pack_amplitude(amplitudes + frame * pixels, amplitude.get());
        task.probe = s.probe.entry(entries[frame]);
        s.kernel.project(task, work);
        s.write(work.back, task.probe, out + 2 * frame * pixels);
    }
}

}  // namespace ptychoscope
