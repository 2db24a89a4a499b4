// PoliteMutex: a mutex whose owner can ask whether others wait, and let them go first.
//
// A plain mutex that is unlocked and locked again at once is had by the same thread again: the one that waits
// is only about to wake. Whoever works for long, piece by piece, would hold it all the time.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

namespace ptychoscope {

class PoliteMutex {
  public:
    void lock() {
        if (mutex_.try_lock()) return;
        waiting_.fetch_add(1);
        mutex_.lock();
        waiting_.fetch_sub(1);
    }
    void unlock() { mutex_.unlock(); }

    /// By its owner: those who wait have it in between.
    void let_others() {
        if (waiting_.load() == 0) return;
        unlock();
        while (waiting_.load() > 0) std::this_thread::yield();
        lock();
    }

  private:
    std::mutex mutex_;
    std::atomic<int> waiting_{0};
};

}  // namespace ptychoscope
