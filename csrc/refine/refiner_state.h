// All that a refiner holds, and how it sweeps.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "cpu/thread_pool.h"
#include "ptychoscope/refiner.h"
#include "refine/frame_store.h"
#include "refine/object_planes.h"
#include "refine/polite_mutex.h"
#include "refine/rpie_kernel.h"
#include "refine/subpixel_probes.h"

namespace ptychoscope {

struct Refiner::State {
    State(int window, int height, int width, int modes, int threads);
    ~State();

    SweepReport sweep(const SweepOptions& options, int first, int last);
    void predict(float* out, int first, int last);
    float r_factor(int frame);
    void set_background(const float* counts);
    void grow(int top, int left, int height, int width);
    int reach() const { return plan.padded + 2; }  ///< pixels that a visit reads or writes along an axis
    void forget_momentum() { velocity_.reset(), before_.reset(); }
    void blend(const std::complex<float>* patches, int first, int count);
    std::vector<TileColour> order(std::uint64_t seed, int first, int last) const;

    PoliteMutex calls;  ///< held by every public call that reads or changes what follows
    int window, height, width, modes;
    const RpieKernel& kernel;
    FftPlan plan;
    ObjectPlanes object;
    ProbeTable probe;
    FrameStore frames;
    std::unique_ptr<PatchPlanes> sums;  ///< of the last averaged or examined sweep
    void copy_background(float* out) const;
    AlignedFloats background;               ///< as the kernels read it; empty: none
    PixelSums pixels;                       ///< of the last sweep that summed them
    std::unique_ptr<ObjectPlanes> blended;  ///< sum |P|^2 of the patches that were blended

  private:
    struct Work;
    struct Sweep;

    void run(Sweep& sweep, const TileColour& colour);
    FrameTask task_of(int frame);
    void visit(Sweep& sweep, int partition, int frame, Work& work);
    void take_average();
    void begin_momentum(const SweepOptions& options);
    void go_on(float momentum);
    void move_background(const SweepOptions& options);
    double move_frames(const Sweep& sweep, const std::vector<int>& visited);
    SweepReport report(const Sweep& sweep, const std::vector<int>& visited) const;
    std::unique_ptr<Work> take_work();
    void return_work(std::unique_ptr<Work> work);

    ThreadPool pool_;
    std::unique_ptr<ObjectPlanes> before_;    ///< the object when the sweep began; only with momentum
    std::unique_ptr<ObjectPlanes> velocity_;  ///< what the object goes on by
    std::mutex work_mutex_;
    std::vector<std::unique_ptr<Work>> idle_work_;
};

}  // namespace ptychoscope
