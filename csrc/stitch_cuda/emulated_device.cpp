// The device that is emulated by the host: every kernel thread is a call of a function. Blocks come in an
// order drawn at random and are shared by some threads of the host, and so do the threads within a block, for
// no result may depend on it.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <random>
#include <vector>

#include "cpu/thread_pool.h"
#include "stitch_cuda/launch.inl"

namespace ptychoscope {

namespace {

class EmulatedDevice : public Device {
  public:
    explicit EmulatedDevice(int threads) : pool_(threads) {}

    void use() override {}
    void* allocate(std::size_t bytes) override {
        void* memory = std::malloc(bytes);
        if (!memory) throw std::bad_alloc();
        return memory;
    }
    void release(void* memory) noexcept override { std::free(memory); }
    void zero(void* memory, std::size_t bytes) override { std::memset(memory, 0, bytes); }
    void upload(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
    void download(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
    void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                   std::size_t bytes, std::size_t rows) override {
        for (std::size_t row = 0; row < rows; ++row)
            std::memcpy(static_cast<char*>(to) + row * to_pitch,
                        static_cast<const char*>(from) + row * from_pitch, bytes);
    }
    void wait() override {}
    void wait_for_all() override {}
    std::uintptr_t stream() const override { return 0; }
    void start_clock() override { started_ = std::chrono::steady_clock::now(); }
    double stop_clock() override {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    }
    bool holds(const void*) const override { return true; }

  protected:
    template <class Kernel>
    void run(const Kernel& kernel, std::int64_t blocks) {
        const std::vector<std::int64_t> order = shuffled(blocks);
        const std::vector<std::int64_t> threads = shuffled(Kernel::kColumns * Kernel::kRows);
        const int workers = pool_.threads();
        pool_.run(workers, [&](int worker) {
            for (std::int64_t b = worker; b < blocks; b += workers)
                for (std::int64_t t : threads)
                    kernel(Thread{order[static_cast<std::size_t>(b)], static_cast<int>(t % Kernel::kColumns),
                                  static_cast<int>(t / Kernel::kColumns)});
        });
    }

  private:
    std::vector<std::int64_t> shuffled(std::int64_t count) {
        std::vector<std::int64_t> order(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), std::int64_t{0});
        std::shuffle(order.begin(), order.end(), engine_);
        return order;
    }

    ThreadPool pool_;
    std::mt19937_64 engine_{0};
    std::chrono::steady_clock::time_point started_;
};

}  // namespace

std::unique_ptr<Device> make_emulated_device(int threads) {
    return std::make_unique<DeviceKernels<EmulatedDevice>>(threads);
}

}  // namespace ptychoscope
