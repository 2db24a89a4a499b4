// What a projected frame says: about the object, its own position and the probe.
#include "refine/rpie_kernel.h"

#include "refine/project.inl"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

void update_object(const FrameTask& t, const RpieWork& work, float step) {
    const vfloat vstep = broadcast(step);
    const int size = panel_floats(*t.plan, kLanes);
    for (int j = 0; j < t.plan->padded / kLanes; ++j)
        for (int y = 0; y < t.plan->size; ++y) {
            const vfloat weight = load(probe_row(t, j, y) + t.modes * kRow) * vstep;
            const Complex change = at(work.back + j * size + y * kRow), o = object_at(t, j, y);
            const int to = y * t.object_stride + j * kLanes;
            store(t.object_re + to, o.re + change.re * weight);
            store(t.object_im + to, o.im + change.im * weight);
        }
}

AmplitudeSums amplitude_sums(const FrameTask& t, const float* predicted) {
    const vfloat zero = {}, least = broadcast(1e-30f);
    const vfloat per_side = broadcast(1.f / static_cast<float>(t.plan->size));
    vfloat apart = {}, total = {};
    for (int i = 0; i < t.plan->padded * t.plan->size; i += kLanes) {
        const vfloat a = load(t.amplitude + i), counts = load(predicted + i);
        const vfloat difference = a - counts * rsqrt(counts + least) * per_side;
        const vfloat size = difference < zero ? -difference : difference;
        apart += a >= zero ? size : zero;
        total += a >= zero ? a : zero;
    }
    return {sum_lanes(apart), sum_lanes(total)};
}

inline vfloat probe_power(const FrameTask& t, int j, int y) {
    vfloat sum = {};
    for (int m = 0; m < t.modes; ++m) sum += power(probe_at(probe_row(t, j, y), m));
    return sum;
}

void accumulate_patch(const FrameTask& t, const RpieWork& work, const PatchSums& sums) {
    const int size = panel_floats(*t.plan, kLanes);
    const vfloat least = broadcast(1e-30f);
    for (int j = 0; j < t.plan->padded / kLanes; ++j)
        for (int y = 0; y < t.plan->size; ++y) {
            const Complex change = at(work.back + j * size + y * kRow), o = object_at(t, j, y);
            const vfloat p = probe_power(t, j, y);
            const int to = y * t.object_stride + j * kLanes;
            store(sums.re + to, load(sums.re + to) + change.re + o.re * p);
            store(sums.im + to, load(sums.im + to) + change.im + o.im * p);
            store(sums.weight + to, load(sums.weight + to) + p);
            store(sums.squares + to, load(sums.squares + to) + power(change) / (p > least ? p : least));
        }
}

/// The exit wave moves by d * P * gradient(O): least squares of that against psi' - psi.
PositionSums position_sums(const FrameTask& t, const RpieWork& work) {
    const int size = panel_floats(*t.plan, kLanes), stride = t.object_stride;
    vfloat yy = {}, yx = {}, xx = {}, by = {}, bx = {};
    for (int j = 0; j < t.plan->padded / kLanes; ++j)
        for (int y = 0; y < t.plan->size; ++y) {
            const vfloat p = probe_power(t, j, y), half = broadcast(0.5f);
            const Complex change = at(work.back + j * size + y * kRow);
            const float *re = t.object_re + y * stride + j * kLanes,
                        *im = t.object_im + y * stride + j * kLanes;
            const Complex dy = {(load(re + stride) - load(re - stride)) * half,
                                (load(im + stride) - load(im - stride)) * half};
            const Complex dx = {(load(re + 1) - load(re - 1)) * half, (load(im + 1) - load(im - 1)) * half};
            yy += p * power(dy);
            xx += p * power(dx);
            yx += p * (dy.re * dx.re + dy.im * dx.im);
            by += dy.re * change.re + dy.im * change.im;
            bx += dx.re * change.re + dx.im * change.im;
        }
    return {sum_lanes(yy), sum_lanes(yx), sum_lanes(xx), sum_lanes(by), sum_lanes(bx)};
}

/// Moves the gradient back by the frame's fraction of a pixel (in far field) and adds it to the sums.
void accumulate_probe(const FrameTask& t, const RpieWork& work, const ProbeSums& sums) {
    const FftPlan& plan = *t.plan;
    const int size = panel_floats(plan, kLanes), panels = plan.padded / kLanes;
    float* panel = work.panels + 2 * size;
    for (int j = 0; j < panels; ++j)
        for (int y = 0; y < plan.size; ++y) {
            float* to = sums.denominator + (j * plan.size + y) * kLanes;
            store(to, load(to) + power(object_at(t, j, y)));
        }
    for (int m = 0; m < t.modes; ++m) {
        const float* gradient = work.gradient + m * plane_floats(plan);
        for (int j = 0; j < panels; ++j) {
            transform_columns(plan, packed(const_cast<float*>(gradient) + j * size), packed(panel),
                              work.panels);
            scatter(plan, panel, work.far, j * kLanes, 1.f);
        }
        for (int j = 0; j < panels; ++j) {
            transform_columns(plan, packed(work.far + j * size), packed(panel), work.panels);
            const Complex ramp_y = {load(sums.ramp_y + j * kLanes),
                                    load(sums.ramp_y + plan.padded + j * kLanes)};
            for (int kx = 0; kx < plan.size; ++kx) {
                const Complex ramp = rotated(ramp_y, sums.ramp_x[2 * kx], sums.ramp_x[2 * kx + 1]);
                float* to = sums.numerator + m * plane_floats(plan) + j * size + kx * kRow;
                put(to, at(to) + at(panel + kx * kRow) * ramp);
            }
        }
    }
}

extern const RpieKernel rpie_kernel;
const RpieKernel rpie_kernel = {kLanes,        project,          predict,       amplitude_sums,
                                update_object, accumulate_patch, position_sums, accumulate_probe};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
