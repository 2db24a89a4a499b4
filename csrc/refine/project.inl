// One visit of a frame, in the vectors of one instruction set: included by rpie_kernel.cpp.
//
// The window is walked in panels of kLanes columns. Three passes: exit wave and transform over y; transform
// over x, modulus, inverse over x; inverse over y and back-projection. A panel and its work space stay in the
// first cache; the planes between the passes are packed panels, transposed on the way.
#pragma once

#include "cpu/simd.h"
#include "fft/columns.inl"
#include "refine/rpie_kernel.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

constexpr int kRow = 2 * kLanes;

/// Row y of panel j of a probe entry: re, im of every mode, then the step weight.
inline const float* probe_row(const FrameTask& t, int j, int y) {
    return t.probe + (j * t.plan->size + y) * (2 * t.modes + 1) * kLanes;
}

inline Complex probe_at(const float* row, int mode) {
    return {load(row + mode * kRow), load(row + mode * kRow + kLanes)};
}
inline Complex object_at(const FrameTask& t, int j, int y) {
    const int at = y * t.object_stride + j * kLanes;
    return {load(t.object_re + at), load(t.object_im + at)};
}
inline Complex at(const float* row) { return {load(row), load(row + kLanes)}; }
inline void put(float* row, Complex c) { store(row, c.re), store(row + kLanes, c.im); }
inline Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
/// conj(a) * b
inline Complex conj_times(Complex a, Complex b) {
    return {a.re * b.re + a.im * b.im, a.re * b.im - a.im * b.re};
}
inline vfloat power(Complex a) { return a.re * a.re + a.im * a.im; }

inline float sum_lanes(vfloat v) {
    float sum = 0;
    for (int i = 0; i < kLanes; ++i) sum += v[i];
    return sum;
}

/// Exit waves, transformed over y: work.far[m] = [ky panel][x].
inline void propagate_rows(const FrameTask& t, const RpieWork& work) {
    const FftPlan& plan = *t.plan;
    float* panel = work.panels + 2 * panel_floats(plan, kLanes);
    for (int j = 0; j < plan.padded / kLanes; ++j)
        for (int m = 0; m < t.modes; ++m) {
            for (int y = 0; y < plan.size; ++y)
                put(panel + y * kRow, probe_at(probe_row(t, j, y), m) * object_at(t, j, y));
            transform_columns(plan, packed(panel), packed(panel), work.panels);
            scatter(plan, panel, work.far + m * plane_floats(plan), j * kLanes, 1.f);
        }
}

/// A panel of the planes that are summed over frames.
inline void add_pixels(const FrameTask& t, int to, vfloat a, vfloat total, vfloat inverse) {
    const float n2 = static_cast<float>(t.plan->size) * static_cast<float>(t.plan->size);
    const vfloat zero = {}, modulus = total * inverse * broadcast(1.f / n2), difference = a - modulus;
    const vfloat root = a * inverse * broadcast(n2), all = modulus + root;
    const vint known = (vint)(a >= zero) & (vint)(all - all == zero);  // and the wave did not overflow
    const auto add = [&](float* plane, vfloat v) {
        store(plane + to, load(plane + to) + (vfloat)((vint)v & known));
    };
    add(t.pixels->counts, a * a);
    add(t.pixels->predicted, modulus * modulus);
    add(t.pixels->differences, difference * difference);
    add(t.pixels->ratios, root * root);
    add(t.pixels->frames, broadcast(1.f));
}

/// Gives the waves of one panel their measured modulus; returns sum (A - |U|)^2 / N^2, lane by lane.
template <bool WithBackground, bool WithPixels>
inline vfloat constrain(const FrameTask& t, float* waves, int j) {
    const int n = t.plan->size, next_mode = panel_floats(*t.plan, kLanes);
    const float per_pixel = 1.f / (static_cast<float>(n) * static_cast<float>(n));
    const vfloat unit = broadcast(per_pixel), dark = broadcast(t.dark), zero = {};
    const float* amplitude = t.amplitude + j * n * kLanes;
    vfloat misfit = {};
    for (int kx = 0; kx < n; ++kx) {
        vfloat intensity = power(at(waves + kx * kRow));
        for (int m = 1; m < t.modes; ++m) intensity += power(at(waves + m * next_mode + kx * kRow));
        if (WithBackground) intensity += load(t.background + (j * n + kx) * kLanes);
        const vfloat a = load(amplitude + kx * kLanes);
        const vfloat inverse = rsqrt(intensity + dark);
        const vfloat difference = a - intensity * inverse * unit;
        misfit += a >= zero ? difference * difference : zero;
        if (WithPixels) add_pixels(t, (j * n + kx) * kLanes, a, intensity, inverse);
        const vfloat factor = a >= zero ? a * inverse : unit;
        for (int m = 0; m < t.modes; ++m) {
            float* row = waves + m * next_mode + kx * kRow;
            const Complex u = at(row);
            put(row, {u.re * factor, u.im * factor});
        }
    }
    return misfit;
}

inline vfloat constrain(const FrameTask& t, float* waves, int j) {
    if (t.background == nullptr)
        return t.pixels == nullptr ? constrain<false, false>(t, waves, j)
                                   : constrain<false, true>(t, waves, j);
    return t.pixels == nullptr ? constrain<true, false>(t, waves, j) : constrain<true, true>(t, waves, j);
}

/// Transform over x, modulus, inverse over x: work.near[m] = [x panel][ky].
inline double constrain_modulus(const FrameTask& t, const RpieWork& work) {
    const FftPlan& plan = *t.plan;
    const int size = panel_floats(plan, kLanes);
    float *panel = work.panels + 2 * size, *waves = work.panels + 3 * size;
    vfloat misfit = {};
    for (int j = 0; j < plan.padded / kLanes; ++j) {
        for (int m = 0; m < t.modes; ++m)
            transform_columns(plan, packed(work.far + m * plane_floats(plan) + j * size),
                              packed(waves + m * size), work.panels);
        misfit += constrain(t, waves, j);
        for (int m = 0; m < t.modes; ++m) {
            transform_columns(plan, exchanged(packed(waves + m * size)), exchanged(packed(panel)),
                              work.panels);
            scatter(plan, panel, work.near + m * plane_floats(plan), j * kLanes, 1.f);
        }
    }
    return sum_lanes(misfit);
}

/// Transform over x, and counts of the sum of all modes: out lies like an amplitude.
inline void predict_counts(const FrameTask& t, const RpieWork& work, float* out) {
    const FftPlan& plan = *t.plan;
    const int size = panel_floats(plan, kLanes), n = plan.size;
    float* waves = work.panels + 2 * size;
    const vfloat per_pixel = broadcast(1.f / (static_cast<float>(n) * static_cast<float>(n)));
    for (int j = 0; j < plan.padded / kLanes; ++j)
        for (int m = 0; m < t.modes; ++m) {
            transform_columns(plan, packed(work.far + m * plane_floats(plan) + j * size), packed(waves),
                              work.panels);
            for (int kx = 0; kx < n; ++kx) {
                float* to = out + (j * n + kx) * kLanes;
                vfloat counts = power(at(waves + kx * kRow));
                if (m == 0 && t.background != nullptr) counts += load(t.background + (j * n + kx) * kLanes);
                store(to, m == 0 ? counts * per_pixel : load(to) + counts * per_pixel);
            }
        }
}

/// Inverse over y and back-projection: work.back, and work.gradient where it is kept.
inline void backproject(const FrameTask& t, const RpieWork& work) {
    const FftPlan& plan = *t.plan;
    const int size = panel_floats(plan, kLanes);
    float* panel = work.panels + 2 * size;
    for (int j = 0; j < plan.padded / kLanes; ++j)
        for (int m = 0; m < t.modes; ++m) {
            const int plane = m * plane_floats(plan);
            transform_columns(plan, exchanged(packed(work.near + plane + j * size)), exchanged(packed(panel)),
                              work.panels);
            for (int y = 0; y < plan.size; ++y) {
                const Complex p = probe_at(probe_row(t, j, y), m), o = object_at(t, j, y);
                const Complex change = at(panel + y * kRow) - p * o;
                float* sum = work.back + j * size + y * kRow;
                put(sum, m == 0 ? conj_times(p, change) : at(sum) + conj_times(p, change));
                if (t.keep_gradient) put(work.gradient + plane + j * size + y * kRow, conj_times(o, change));
            }
        }
}

void predict(const FrameTask& t, const RpieWork& work, float* out) {
    propagate_rows(t, work);
    predict_counts(t, work, out);
}

double project(const FrameTask& t, const RpieWork& work) {
    propagate_rows(t, work);
    const double misfit = constrain_modulus(t, work);
    backproject(t, work);
    return misfit;
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
