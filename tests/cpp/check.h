// What the C++ tests share: a check that ends the program, numbers from a seed, all instruction sets in turn.
#pragma once

#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "ptychoscope/cpu_features.h"

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                                \
        }                                                                                \
    } while (false)

/// Random numbers that are the same in every run.
class Draw {
  public:
    explicit Draw(std::uint64_t seed) : engine_(seed) {}
    std::int64_t whole(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
    }
    double real(double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(engine_);
    }
    bool coin() { return whole(0, 1) == 1; }
    std::uint64_t bits() { return engine_(); }

    /// Numbers of modulus at most sqrt(2).
    std::vector<std::complex<float>> values(std::int64_t n) {
        std::vector<std::complex<float>> out;
        for (std::int64_t i = 0; i < n; ++i)
            out.emplace_back(static_cast<float>(real(-1, 1)), static_cast<float>(real(-1, 1)));
        return out;
    }
    std::vector<double> positions(std::int64_t n, double low, double high_y, double high_x) {
        std::vector<double> out;
        for (std::int64_t i = 0; i < n; ++i)
            out.push_back(real(low, high_y)), out.push_back(real(low, high_x));
        return out;
    }

  private:
    std::mt19937_64 engine_;
};

/// Calls test() once for every instruction set of this machine.
template <class Test>
void on_every_isa(Test test) {
    for (ptychoscope::Isa isa : ptychoscope::available_isas()) {
        setenv("PTYCHOSCOPE_ISA", isa_name(isa), 1);
        test();
    }
}
