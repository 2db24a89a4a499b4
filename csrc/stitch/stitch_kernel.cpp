// Placing a patch: strip by strip, from where it lies or by way of a buffer.
#include "stitch/stitch_kernel.h"

#include <type_traits>

#include "cpu/simd.h"
#include "stitch/shift_and_add.inl"
#include "stitch/stage.inl"
#include "stitch/sum_types.inl"

namespace ptychoscope::PTYCHOSCOPE_KERNEL {

/// Planes of float32 with neighbouring columns are read where they lie.
inline bool reads_directly([[maybe_unused]] const PatchView& p) {
#if defined(PTYCHOSCOPE_MASKED_LOADS)
    return p.scalar == Scalar::float32 && p.values == Values::real_imag && p.column_stride == 4 &&
           p.row_stride % 4 == 0 && p.rotation == std::complex<float>(1) &&
           (reinterpret_cast<uintptr_t>(p.first) | reinterpret_cast<uintptr_t>(p.second)) % 4 == 0;
#else
    return false;
#endif
}

template <int Taps, bool Windowed, Kept kept, class Sum>
void place_strips(StripJob job, const Sum& sum) {
    constexpr int wide = Taps <= 2 ? 4 : Taps == 4 ? 2 : 1;
    int64_t start = (job.p.box.column0 - job.p.left) / kLanes * kLanes;
    const int64_t end = job.p.box.column1 - job.p.left;
    for (; start + (wide - 1) * kLanes < end; start += wide * kLanes)
        place_strip<Taps, wide, Windowed, kept>(job, sum, start);
    for (; start < end; start += kLanes) place_strip<Taps, 1, Windowed, kept>(job, sum, start);
}

template <int Taps, bool Windowed, Kept kept, class Sum>
void place_rows(const Placement& p, const PatchView& patch, const Staged& buffer, const Staged* window,
                const Sum& sum, int64_t row0, int64_t row1, Prefetch& prefetch) {
    StripJob job = {p, {}, {}, {}, patch.width, p.top, row0, row1, prefetch};
    if (Windowed) job.window = {window->first, window->pitch, patch.height};
    if (reads_directly(patch)) {
        job.re = {reinterpret_cast<const float*>(patch.first), patch.row_stride / 4, patch.height};
        job.im = {reinterpret_cast<const float*>(patch.second), patch.row_stride / 4, patch.height};
        return place_strips<Taps, Windowed, kept>(job, sum);
    }
    const int64_t step = buffer.rows - (Taps - 1);
    for (int64_t low = row0; low < row1; low += step) {
        job.row0 = low;
        job.row1 = std::min(low + step, row1);
        job.first_row = low + lead_of(Taps) - (Taps - 1);
        stage_rows(patch, job.first_row - p.top, job.row1 - low + Taps - 1, buffer);
        job.re = {buffer.first, buffer.pitch, buffer.rows};
        job.im = {buffer.second, buffer.pitch, buffer.rows};
        place_strips<Taps, Windowed, kept>(job, sum);
    }
}

template <int Taps, class Sum>
void place(const Placement& p, const PatchView& patch, const Staged& buffer, const Staged* window,
           const Sums& sums, int64_t row0, int64_t row1, Prefetch& prefetch) {
    const Sum sum(sums);
    const auto place_windowed = [&](auto windowed) {
        if (sums.moment)
            place_rows<Taps, windowed, Kept::spread>(p, patch, buffer, window, sum, row0, row1, prefetch);
        else if (sums.weight)
            place_rows<Taps, windowed, Kept::coverage>(p, patch, buffer, window, sum, row0, row1, prefetch);
        else
            place_rows<Taps, windowed, Kept::sum>(p, patch, buffer, window, sum, row0, row1, prefetch);
    };
    window ? place_windowed(std::true_type()) : place_windowed(std::false_type());
}

/// Stands in for sums: reads the image where a patch would be added, and adds nothing.
template <class Sum>
struct Correlation {
    Sum sums;
    int64_t pitch;
    std::complex<double>* total;

    template <Kept>
    void add(int64_t i, vfloat re, vfloat im, vfloat w) const {
        for (int l = 0; l < kLanes; ++l) {
            if (w[l] == 0) continue;
            const auto image = sums.read(i + l);
            const double r = re[l], m = im[l], weight = w[l];
            *total += weight * std::complex<double>(r * image.re + m * image.im, r * image.im - m * image.re);
        }
    }
};

template <int Taps, class Sum>
std::complex<double> correlate(const Placement& p, const PatchView& patch, const Staged& buffer,
                               const Staged* window, const Sums& sums) {
    std::complex<double> total = 0;
    const Correlation<Sum> sum = {Sum(sums), sums.pitch, &total};
    Prefetch nothing;
    if (window)
        place_rows<Taps, true, Kept::coverage>(p, patch, buffer, window, sum, p.box.row0, p.box.row1,
                                               nothing);
    else
        place_rows<Taps, false, Kept::coverage>(p, patch, buffer, window, sum, p.box.row0, p.box.row1,
                                                nothing);
    return total;
}

// Order of the rows: Interpolation; of the columns: Accumulate.
extern const StitchKernels stitch_kernels;
const StitchKernels stitch_kernels = {
    largest_value,
    {{place<1, SumFloat32>, place<1, SumFloat64>, place<1, SumExact>},
     {place<2, SumFloat32>, place<2, SumFloat64>, place<2, SumExact>},
     {place<4, SumFloat32>, place<4, SumFloat64>, place<4, SumExact>},
     {place<6, SumFloat32>, place<6, SumFloat64>, place<6, SumExact>}},
    {{correlate<1, SumFloat32>, correlate<1, SumFloat64>, correlate<1, SumExact>},
     {correlate<2, SumFloat32>, correlate<2, SumFloat64>, correlate<2, SumExact>},
     {correlate<4, SumFloat32>, correlate<4, SumFloat64>, correlate<4, SumExact>},
     {correlate<6, SumFloat32>, correlate<6, SumFloat64>, correlate<6, SumExact>}},
    {merge<SumFloat32>, merge<SumFloat64>, merge<SumExact>},
    {read_sum<SumFloat32>, read_sum<SumFloat64>, read_sum<SumExact>},
    {read_image<SumFloat32>, read_image<SumFloat64>, read_image<SumExact>},
    {read_coverage<SumFloat32>, read_coverage<SumFloat64>, read_coverage<SumExact>},
    {read_spread<SumFloat32>, read_spread<SumFloat64>, read_spread<SumExact>},
};

}  // namespace ptychoscope::PTYCHOSCOPE_KERNEL
