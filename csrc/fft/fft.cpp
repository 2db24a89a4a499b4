#include "ptychoscope/fft.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "cpu/aligned_buffer.h"
#include "cpu/dispatch.h"
#include "fft/fft_kernel.h"

namespace ptychoscope {

namespace {

constexpr int kLargest = 4096;

/// The radices of a side: for its power of two 8s, and 4s where the exponent is not a multiple of three; or
/// 4s alone. One 2 where that is left.
std::vector<int> radices(int size, bool eights) {
    std::vector<int> result;
    int twos = 0;
    for (; size % 2 == 0; size /= 2) ++twos;
    int fours = twos / 2;
    if (eights) fours = twos == 1 ? 0 : twos % 3 == 2 ? 1 : twos % 3 == 1 ? 2 : 0;
    for (twos -= 2 * fours; twos >= 3; twos -= 3) result.push_back(8);
    for (; fours > 0; --fours) result.push_back(4);
    if (twos == 1) result.push_back(2);
    for (int prime : {3, 5, 7, 11, 13})
        for (; size % prime == 0; size /= prime) result.push_back(prime);
    return size == 1 ? result : std::vector<int>{};
}

}  // namespace

FftPlan::FftPlan(int size_, int lanes) : size(size_), padded((size_ + lanes - 1) / lanes * lanes) {
    const std::vector<int> chosen = radices(size, lanes != 8);  // AVX2: eight waves do not fit its registers
    std::vector<std::size_t> begin;
    int points = size;
    for (int r : chosen) {
        begin.push_back(twiddles.size());
        for (int p = 0; p < points / r; ++p)
            for (int k = 1; k < r; ++k) {
                const double angle = -2 * M_PI * p * k / points;
                twiddles.push_back(static_cast<float>(std::cos(angle)));
                twiddles.push_back(static_cast<float>(std::sin(angle)));
            }
        points /= r;
    }
    for (int r : chosen) {
        twiddle[stages] = twiddles.data() + begin[static_cast<std::size_t>(stages)];
        radix[stages++] = r;
    }
}

PTYCHOSCOPE_DISPATCH(fft_kernel, FftKernel, fft_kernel)

struct Fft2d::Work {
    AlignedFloats scratch, panels;
};

bool Fft2d::is_supported(int size) { return size >= 2 && size <= kLargest && !radices(size, true).empty(); }

Fft2d::Fft2d(int size, Isa isa) : kernel_(&fft_kernel(isa)) {
    if (!is_supported(size))
        throw std::invalid_argument(
            "a window of " + std::to_string(size) +
            " pixels cannot be transformed: crop or bin to a side from 2 to 4096 whose "
            "prime factors are at most 13");
    plan_ = std::make_unique<FftPlan>(size, kernel_->lanes);
    work_ = std::make_unique<Work>();
    work_->scratch = AlignedFloats(static_cast<std::size_t>(plane_floats(*plan_)));
    work_->panels = AlignedFloats(3 * static_cast<std::size_t>(panel_floats(*plan_, kernel_->lanes)));
}

Fft2d::~Fft2d() = default;
Fft2d::Fft2d(Fft2d&&) noexcept = default;
Fft2d& Fft2d::operator=(Fft2d&&) noexcept = default;

int Fft2d::size() const { return plan_->size; }
int Fft2d::padded() const { return plan_->padded; }

void Fft2d::forward(const float* in_re, const float* in_im, float* out_re, float* out_im, float scale) {
    kernel_->transform(*plan_, in_re, in_im, out_re, out_im, work_->scratch.get(), work_->panels.get(),
                       scale);
}

void Fft2d::inverse(const float* in_re, const float* in_im, float* out_re, float* out_im, float scale) {
    forward(in_im, in_re, out_im, out_re, scale);
}

void fft2_windows(const float* in, float* out, int count, int size, bool inverse) {
    Fft2d fft(size);
    const std::size_t n = static_cast<std::size_t>(size), row = static_cast<std::size_t>(fft.padded());
    AlignedFloats work(2 * row * row);
    float *re = work.get(), *im = re + row * row;
    for (std::size_t k = 0; k < 2 * static_cast<std::size_t>(count); k += 2) {
        for (std::size_t y = 0; y < n; ++y) {
            std::memcpy(re + y * row, in + (k * n + y) * n, n * sizeof(float));
            std::memcpy(im + y * row, in + ((k + 1) * n + y) * n, n * sizeof(float));
        }
        if (inverse)
            fft.inverse(re, im, re, im, 1.f / static_cast<float>(size));
        else
            fft.forward(re, im, re, im, 1.f / static_cast<float>(size));
        for (std::size_t y = 0; y < n; ++y) {
            std::memcpy(out + (k * n + y) * n, re + y * row, n * sizeof(float));
            std::memcpy(out + ((k + 1) * n + y) * n, im + y * row, n * sizeof(float));
        }
    }
}

}  // namespace ptychoscope
