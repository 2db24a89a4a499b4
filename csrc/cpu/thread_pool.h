// A small pool of std::threads that runs `count` tasks and waits for them.
//
// The idea: kernels split their work so that the result does not depend on who does it (bands of canvas rows,
// groups of frames that cannot touch). The pool only decides when, never what. With one thread there is no
// pool: the tasks run in the caller. Threads start at the first parallel call and never survive a fork: a
// child process starts its own.
#pragma once

#include <functional>
#include <memory>

namespace ptychoscope {

class ThreadPool {
  public:
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return threads_; }

    /// Calls task(i) once for every i in [0, count) and returns when all are done. The first exception thrown
    /// by a task is rethrown here after the others have finished.
    void run(int count, const std::function<void(int)>& task);

  private:
    struct Workers;
    int threads_;
    std::unique_ptr<Workers> workers_;
};

}  // namespace ptychoscope
