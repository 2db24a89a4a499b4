// The overlap of two staged patches.
//
// The idea. A pixel of the first patch lies between four of the second, with the same four weights
// everywhere: a vector of such pixels is four loads and fused multiplications away. Sums run in single
// precision along a row and in double precision from row to row. Lanes past the end of a row are masked out
// of the first patch; what the second has there is padding, or a number that is multiplied by zero.
#include "phase_sync/overlap_kernel.h"

#include "stitch/stage.inl"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

namespace {

double sum_of(vdouble v) {
    double total = 0;
    for (int i = 0; i < kLanes / 2; ++i) total += v[i];
    return total;
}

/// Row `r` of a patch times the window, zeros included that fill up the last vector.
inline void weighted_row(const PatchView& p, int64_t r, const float* weight, float* re, float* im) {
    const char *first = p.first + r * p.row_stride, *second = p.second + r * p.row_stride;
    const bool plain = p.scalar == Scalar::float32 && p.column_stride == sizeof(float) && weight != nullptr &&
                       p.values == Values::real_imag && p.rotation == std::complex<float>(1);
    int64_t c = 0;
    if (plain)  // as a network hands it out: read, weighted and written in one go
        for (; c + kLanes <= p.width; c += kLanes) {
            const vfloat w = load(weight + c);
            store(re + c, read_as<vfloat>(first + c * 4) * w);
            store(im + c, read_as<vfloat>(second + c * 4) * w);
        }
    if (c == p.width) return;
    const PatchView rest = p.from(r, c);
    PatchView row = rest;
    row.width = p.width - c;
    stage_row(row, 0, re + c, im + c);
    if (weight)
        for (; c < p.width; ++c) re[c] *= weight[c], im[c] *= weight[c];
}

double weigh(const PatchView& patch, const float* window, const Staged& out) {
    vdouble total{};
    for (int64_t r = 0; r < patch.height; ++r) {
        float *re = out.first + r * out.pitch, *im = out.second + r * out.pitch;
        weighted_row(patch, r, window ? window + r * patch.width : nullptr, re, im);
        vfloat row{};
        for (int64_t c = 0; c < patch.width; c += kLanes) {  // the padding is zeros
            const vfloat a = load(re + c), b = load(im + c);
            row = fma(a, a, fma(b, b, row));
        }
        total += widen_low(row) + widen_high(row);
    }
    return sum_of(total);
}

/// Four loads around a pixel, weighted.
struct BilinearSample {
    vfloat here, right, below, across;
    int64_t pitch;
    vfloat at(const float* p) const {
        return fma(here, load(p), right * load(p + 1)) +
               fma(below, load(p + pitch), across * load(p + pitch + 1));
    }
};

std::complex<double> overlap(const Staged& here, const Staged& there, const Overlay& o) {
    const float y = o.row_part, x = o.column_part;
    const BilinearSample sample = {broadcast((1 - y) * (1 - x)), broadcast((1 - y) * x),
                                   broadcast(y * (1 - x)), broadcast(y * x), there.pitch};
    vdouble real{}, imaginary{};
    for (int64_t r = o.row0; r < o.row1; ++r) {
        const int64_t at = r * here.pitch, other = (r - o.row) * there.pitch - o.column;
        vfloat ap{}, bq{}, aq{}, bp{};
        for (int64_t c = o.column0; c < o.column1; c += kLanes) {
            const vint inside = lane_numbers() < static_cast<int32_t>(o.column1 - c);
            const vfloat a = (vfloat)((vint)load(here.first + at + c) & inside);
            const vfloat b = (vfloat)((vint)load(here.second + at + c) & inside);
            const vfloat p = sample.at(there.first + other + c), q = sample.at(there.second + other + c);
            ap = fma(a, p, ap), bq = fma(b, q, bq), aq = fma(a, q, aq), bp = fma(b, p, bp);
        }
        ap += bq, aq -= bp;
        real += widen_low(ap) + widen_high(ap);
        imaginary += widen_low(aq) + widen_high(aq);
    }
    return {sum_of(real), sum_of(imaginary)};
}

}  // namespace

extern const OverlapKernels overlap_kernels;
const OverlapKernels overlap_kernels = {weigh, overlap};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
