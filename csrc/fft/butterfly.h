// Small transforms of 2, 3, 4, 5, 7, 8, 11 and 13 points in registers, one per vector lane.
#pragma once

#include "cpu/simd.h"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

struct Complex {
    vfloat re, im;
};

inline Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
inline Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
inline Complex times_minus_i(Complex a) { return {a.im, -a.re}; }
inline Complex rotated(Complex a, float c, float s) {
    const vfloat vc = broadcast(c), vs = broadcast(s);
    return {a.re * vc - a.im * vs, a.re * vs + a.im * vc};
}

template <int R>
struct Butterfly;

template <>
struct Butterfly<2> {
    static void apply(Complex (&x)[2]) {
        const Complex a = x[0], b = x[1];
        x[0] = a + b, x[1] = a - b;
    }
};

template <>
struct Butterfly<4> {
    static void apply(Complex& a, Complex& b, Complex& c, Complex& d) {
        const Complex ac = a + c, amc = a - c, bd = b + d, bmd = times_minus_i(b - d);
        a = ac + bd, b = amc + bmd, c = ac - bd, d = amc - bmd;
    }
    static void apply(Complex (&x)[4]) { apply(x[0], x[1], x[2], x[3]); }
};

template <>
struct Butterfly<8> {
    static void apply(Complex (&x)[8]) {
        const vfloat h = broadcast(0.70710678118654752f);
        Complex e0 = x[0] + x[4], e1 = x[1] + x[5], e2 = x[2] + x[6], e3 = x[3] + x[7];
        Complex o0 = x[0] - x[4], o1 = x[1] - x[5], o2 = x[2] - x[6], o3 = x[3] - x[7];
        o1 = {(o1.re + o1.im) * h, (o1.im - o1.re) * h};
        o2 = times_minus_i(o2);
        o3 = {(o3.im - o3.re) * h, (o3.re + o3.im) * -h};
        Butterfly<4>::apply(e0, e1, e2, e3);
        Butterfly<4>::apply(o0, o1, o2, o3);
        x[0] = e0, x[2] = e1, x[4] = e2, x[6] = e3;
        x[1] = o0, x[3] = o1, x[5] = o2, x[7] = o3;
    }
};

/// cos and sin of 2 pi k / R for odd R, to float precision.
template <int R>
struct RootsOfUnity;
template <>
struct RootsOfUnity<3> {
    static constexpr float cosine[] = {1.f, -0.5f};
    static constexpr float sine[] = {0.f, 0.86602540378443865f};
};
template <>
struct RootsOfUnity<5> {
    static constexpr float cosine[] = {1.f, 0.30901699437494742f, -0.80901699437494742f};
    static constexpr float sine[] = {0.f, 0.95105651629515357f, 0.58778525229247313f};
};
template <>
struct RootsOfUnity<7> {
    static constexpr float cosine[] = {1.f, 0.62348980185873353f, -0.22252093395631440f,
                                       -0.90096886790241913f};
    static constexpr float sine[] = {0.f, 0.78183148246802981f, 0.97492791218182361f, 0.43388373911755812f};
};
template <>
struct RootsOfUnity<11> {
    static constexpr float cosine[] = {1.f,
                                       0.84125353283118117f,
                                       0.41541501300188643f,
                                       -0.14231483827328514f,
                                       -0.65486073394528506f,
                                       -0.95949297361449739f};
    static constexpr float sine[] = {0.f,
                                     0.54064081745559758f,
                                     0.90963199535451837f,
                                     0.98982144188093273f,
                                     0.75574957435425828f,
                                     0.28173255684142970f};
};
template <>
struct RootsOfUnity<13> {
    static constexpr float cosine[] = {1.f,
                                       0.88545602565320989f,
                                       0.56806474673115580f,
                                       0.12053668025532305f,
                                       -0.35460488704253562f,
                                       -0.74851074817110109f,
                                       -0.97094181742605203f};
    static constexpr float sine[] = {0.f,
                                     0.46472317204376854f,
                                     0.82298386589365640f,
                                     0.99270887409805400f,
                                     0.93501624268541483f,
                                     0.66312265824079520f,
                                     0.23931566428755777f};
};

/// Odd prime R: the definition, with x[j] and x[R - j] taken together.
template <int R>
struct Butterfly {
    static void apply(Complex (&x)[R]) {
        constexpr int half = R / 2;
        Complex sum[half], difference[half];
        Complex total = x[0];
#pragma GCC unroll 8
        for (int j = 1; j <= half; ++j) {
            sum[j - 1] = x[j] + x[R - j];
            difference[j - 1] = times_minus_i(x[j] - x[R - j]);
            total = total + sum[j - 1];
        }
        Complex result[R];
        result[0] = total;
#pragma GCC unroll 8
        for (int k = 1; k <= half; ++k) {
            Complex even = x[0], odd = {vfloat{}, vfloat{}};
#pragma GCC unroll 8
            for (int j = 1; j <= half; ++j) {
                const int step = j * k % R;
                const vfloat c = broadcast(RootsOfUnity<R>::cosine[step <= half ? step : R - step]);
                const float sine = RootsOfUnity<R>::sine[step <= half ? step : R - step];
                const vfloat s = broadcast(step <= half ? sine : -sine);
                even = {even.re + sum[j - 1].re * c, even.im + sum[j - 1].im * c};
                odd = {odd.re + difference[j - 1].re * s, odd.im + difference[j - 1].im * s};
            }
            result[k] = even + odd, result[R - k] = even - odd;
        }
#pragma GCC unroll 16
        for (int k = 0; k < R; ++k) x[k] = result[k];
    }
};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
