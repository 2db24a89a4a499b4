// bench_fft: our 2-D transforms against FFTW (measured planning), one thread, thread CPU time.
//
// Prints one JSON object: microseconds per transform, the median over rounds in which the two take turns, so
// that both see the same machine; `hot` transforms one window again and again, `stream` walks through 64.
// FFTW is given its better layout of the two (interleaved, split) in natural order of frequencies; ours comes
// out transposed, which is what the solver uses.
#include "ptychoscope/fft.h"

#include <fftw3.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "cpu/aligned_buffer.h"

namespace {

double cpu_seconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double microseconds(int repeats, const std::function<void(int)>& run) {
    const double begin = cpu_seconds();
    for (int i = 0; i < repeats; ++i) run(i);
    return (cpu_seconds() - begin) / repeats * 1e6;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(int size, int windows, const char* name, bool last) {
    ptychoscope::Fft2d fft(size);
    const std::size_t plane = static_cast<std::size_t>(fft.padded()) * static_cast<std::size_t>(fft.padded());
    const std::size_t all = 2 * plane * static_cast<std::size_t>(windows);
    ptychoscope::AlignedFloats in(all), out(all);
    const fftw_iodim dims[2] = {{size, size, size}, {size, 1, 1}};
    float *a = in.get(), *b = out.get();
    const fftwf_plan split =
        fftwf_plan_guru_split_dft(2, dims, 0, nullptr, a, a + plane, b, b + plane, FFTW_MEASURE);
    auto* interleaved_in = reinterpret_cast<fftwf_complex*>(a);
    auto* interleaved_out = reinterpret_cast<fftwf_complex*>(b);
    const fftwf_plan interleaved =
        fftwf_plan_dft_2d(size, size, interleaved_in, interleaved_out, FFTW_FORWARD, FFTW_MEASURE);
    for (std::size_t i = 0; i < all; ++i) a[i] = static_cast<float>(i % 251) - 125.f;
    const auto at = [&](int i) { return static_cast<std::size_t>(i % windows) * 2 * plane; };
    const int repeats = std::max(windows, 4 * 1024 * 1024 / (size * size));
    std::vector<double> ours, theirs_split, theirs_interleaved;
    for (int round = 0; round < 31; ++round) {
        ours.push_back(microseconds(repeats, [&](int i) {
            fft.forward(a + at(i), a + at(i) + plane, b + at(i), b + at(i) + plane, 1.f);
        }));
        theirs_split.push_back(microseconds(repeats, [&](int i) {
            fftwf_execute_split_dft(split, a + at(i), a + at(i) + plane, b + at(i), b + at(i) + plane);
        }));
        theirs_interleaved.push_back(microseconds(repeats, [&](int i) {
            fftwf_execute_dft(interleaved, interleaved_in + at(i) / 2, interleaved_out + at(i) / 2);
        }));
    }
    const double fftw = std::min(median(theirs_split), median(theirs_interleaved));
    std::printf(
        "  {\"size\": %d, \"windows\": \"%s\", \"ours_us\": %.2f, \"fftw_us\": %.2f, \"ratio\": %.2f}%s\n",
        size, name, median(ours), fftw, fftw / median(ours), last ? "" : ",");
    fftwf_destroy_plan(split);
    fftwf_destroy_plan(interleaved);
}

}  // namespace

int main() {
    std::printf("{\"isa\": \"%s\", \"peer\": \"%s\", \"transforms\": [\n",
                ptychoscope::isa_name(ptychoscope::active_isa()), fftwf_version);
    for (int size : {32, 64, 128, 256, 512}) {
        compare(size, 1, "hot", false);
        compare(size, 64, "stream", size == 512);
    }
    std::printf("]}\n");
}
