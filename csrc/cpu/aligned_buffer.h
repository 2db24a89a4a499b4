// Floats on cache-line boundaries, so that a vector of any width loads from one line.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ptychoscope {

class AlignedFloats {
  public:
    AlignedFloats() = default;

    /// `count` zeros.
    explicit AlignedFloats(std::size_t count) : count_(count) {
        const std::size_t line = 64, huge_page = std::size_t{1} << 21;
        const std::size_t alignment = count * sizeof(float) >= huge_page ? huge_page : line;
        const std::size_t bytes = (count * sizeof(float) + alignment - 1) / alignment * alignment;
        if (bytes == 0) return;
        data_.reset(static_cast<float*>(std::aligned_alloc(alignment, bytes)));
        if (!data_) throw std::bad_alloc();
#if defined(__linux__)
        if (alignment == huge_page) madvise(data_.get(), bytes, MADV_HUGEPAGE);  // a hint: fewer page walks
#endif
        std::memset(data_.get(), 0, bytes);
    }

    float* get() { return data_.get(); }
    const float* get() const { return data_.get(); }
    std::size_t size() const { return count_; }
    void zero() {
        if (count_ > 0) std::memset(data_.get(), 0, count_ * sizeof(float));
    }

  private:
    struct Free {
        void operator()(float* p) const { std::free(p); }
    };
    std::unique_ptr<float[], Free> data_;
    std::size_t count_ = 0;
};

}  // namespace ptychoscope
