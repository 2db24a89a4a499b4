// Transforms of columns, one column per vector lane: included by fft_kernel.cpp and rpie_kernel.cpp.
//
// A panel is kLanes columns of a plane. Its transform is a row of Stockham stages: stage of radix R with m *
// R points left and s sub-sequences reads rows q + s (p + m j), transforms over j, multiplies by w^(p k) and
// writes rows q + s (R p + k). The last stage leaves natural order, nothing is ever bit-reversed, and one
// column never meets another, so no shuffles are needed. Rows become columns by transposing panels as they
// are stored.
#pragma once

#include "fft/butterfly.h"
#include "fft/fft_kernel.h"
#include "fft/transpose.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

/// kLanes columns: row j at re + j * stride and im + j * stride.
struct Columns {
    float* re;
    float* im;
    int stride;
};

/// A panel held together: real parts of a row, then its imaginary parts. A packed plane is a row of such
/// panels.
inline Columns packed(float* panel) { return {panel, panel + kLanes, 2 * kLanes}; }

/// A panel that begins at column `column` of two planes. Read only where it is the input.
inline Columns columns_of(const float* re, const float* im, int stride, int column) {
    return {const_cast<float*>(re) + column, const_cast<float*>(im) + column, stride};
}

template <int R, bool Twiddle>
inline void butterflies(const Columns& in, const Columns& out, int p, int m, int s, const float* twiddle) {
    for (int q = 0; q < s; ++q) {
        Complex x[R];
        const int first = (q + s * p) * in.stride, step = s * m * in.stride;
#pragma GCC unroll 16
        for (int j = 0; j < R; ++j) x[j] = {load(in.re + first + j * step), load(in.im + first + j * step)};
        Butterfly<R>::apply(x);
        const int to = (q + s * R * p) * out.stride, to_step = s * out.stride;
#pragma GCC unroll 16
        for (int k = 0; k < R; ++k) {
            if (Twiddle && k > 0) x[k] = rotated(x[k], twiddle[2 * k - 2], twiddle[2 * k - 1]);
            store(out.re + to + k * to_step, x[k].re);
            store(out.im + to + k * to_step, x[k].im);
        }
    }
}

template <int R>
void stage(const Columns& in, const Columns& out, int m, int s, const float* twiddle) {
    butterflies<R, false>(in, out, 0, m, s, twiddle);
    for (int p = 1; p < m; ++p) butterflies<R, true>(in, out, p, m, s, twiddle + 2 * (R - 1) * p);
}

inline void stage_of(int radix, const Columns& in, const Columns& out, int m, int s, const float* twiddle) {
    switch (radix) {
        case 2:
            return stage<2>(in, out, m, s, twiddle);
        case 3:
            return stage<3>(in, out, m, s, twiddle);
        case 4:
            return stage<4>(in, out, m, s, twiddle);
        case 5:
            return stage<5>(in, out, m, s, twiddle);
        case 7:
            return stage<7>(in, out, m, s, twiddle);
        case 8:
            return stage<8>(in, out, m, s, twiddle);
        case 11:
            return stage<11>(in, out, m, s, twiddle);
        default:
            return stage<13>(in, out, m, s, twiddle);
    }
}

/// Forward transform of the kLanes columns `in` into `out`; work: two panels. in may be out.
/// The inverse is the same with real and imaginary parts exchanged on both sides.
inline void transform_columns(const FftPlan& plan, Columns in, const Columns& out, float* work) {
    const Columns spare[2] = {packed(work), packed(work + panel_floats(plan, kLanes))};
    int m = plan.size, s = 1;
    for (int i = 0; i < plan.stages; ++i) {
        const int radix = plan.radix[i];
        m /= radix;
        const Columns to = i + 1 == plan.stages ? out : spare[i % 2];
        stage_of(radix, in, to, m, s, plan.twiddle[i]);
        in = to;
        s *= radix;
    }
}

inline Columns exchanged(const Columns& c) { return {c.im, c.re, c.stride}; }

/// Stores a packed panel, transposed, into a packed plane: the panel's columns become the plane's rows from
/// `column` on, in each of its panels.
inline void scatter(const FftPlan& plan, const float* panel, float* plane, int column, float scale) {
    const vfloat factor = broadcast(scale);
    for (int row = 0; row < plan.padded; row += kLanes) {
        const float* from = panel + row * 2 * kLanes;
        float* to = plane + row / kLanes * panel_floats(plan, kLanes) + column * 2 * kLanes;
        transpose_square(from, 2 * kLanes, to, 2 * kLanes, factor);
        transpose_square(from + kLanes, 2 * kLanes, to + kLanes, 2 * kLanes, factor);
    }
}

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
