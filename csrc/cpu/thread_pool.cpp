#include "cpu/thread_pool.h"

#include <unistd.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ptychoscope {

struct ThreadPool::Workers {
    std::mutex mutex;
    std::condition_variable wake, done;
    const std::function<void(int)>* task = nullptr;
    int count = 0, next = 0, unfinished = 0;
    bool stop = false;
    std::exception_ptr error;
    std::vector<std::thread> threads;
    pid_t owner = getpid();

    explicit Workers(int extra) {
        for (int i = 0; i < extra; ++i) threads.emplace_back([this] { loop(); });
    }

    ~Workers() {
        if (getpid() != owner) {  // a forked child has no such threads: nothing to join
            for (std::thread& t : threads) t.detach();
            return;
        }
        {
            std::lock_guard<std::mutex> lock(mutex);
            stop = true;
        }
        wake.notify_all();
        for (std::thread& t : threads) t.join();
    }

    void work(std::unique_lock<std::mutex>& lock) {
        while (next < count) {
            const int i = next++;
            lock.unlock();
            std::exception_ptr caught;
            try {
                (*task)(i);
            } catch (...) {
                caught = std::current_exception();
            }
            lock.lock();
            if (caught && !error) error = caught;
            if (--unfinished == 0) done.notify_all();
        }
    }

    void loop() {
        std::unique_lock<std::mutex> lock(mutex);
        while (true) {
            wake.wait(lock, [this] { return stop || next < count; });
            if (stop) return;
            work(lock);
        }
    }

    void run(int n, const std::function<void(int)>& f) {
        std::unique_lock<std::mutex> lock(mutex);
        task = &f;
        count = unfinished = n;
        next = 0;
        error = nullptr;
        wake.notify_all();
        work(lock);
        done.wait(lock, [this] { return unfinished == 0; });
        count = next = 0;
        if (error) std::rethrow_exception(error);
    }
};

ThreadPool::ThreadPool(int threads) : threads_(threads) {
    if (threads < 1 || threads > 256)
        throw std::invalid_argument("threads must be between 1 and 256, got " + std::to_string(threads));
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::run(int count, const std::function<void(int)>& task) {
    if (threads_ == 1 || count <= 1) {
        for (int i = 0; i < count; ++i) task(i);
        return;
    }
    if (workers_ && workers_->owner != getpid())
        workers_.release();  // the parent's threads are not ours to end
    if (!workers_) workers_ = std::make_unique<Workers>(threads_ - 1);
    workers_->run(count, task);
}

}  // namespace ptychoscope
