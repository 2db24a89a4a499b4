// How the kernels are launched, on whatever runs them: Base has run(kernel, blocks), which calls the kernel
// for every thread of that many blocks of kernel.kColumns x kernel.kRows threads.
#pragma once

#include "stitch_cuda/device.h"

namespace ptychoscope {

inline std::int64_t blocks_of(std::int64_t threads, int per_block) {
    return (threads + per_block - 1) / per_block;
}

template <class Base>
class DeviceKernels : public Base {
  public:
    using Base::Base;

    void inspect(const InspectPatches& call, std::int64_t patches) override { this->run(call, patches); }

    void place(const PlacePatches& call) override {
        this->run(call, blocks_of(call.count, PlacePatches::kColumns));
    }

    void list_tiles(const TileLists& lists) override {
        const std::int64_t patches = blocks_of(lists.count, kListThreads);
        this->run(CountTiles{lists}, patches);
        add_up(lists.first, lists.grid.tiles() + 1, lists.sums);
        this->run(FillTiles{lists}, patches);
        this->run(SortTiles{lists}, blocks_of(lists.room, kListThreads));
    }

    void stitch(const StitchCall& call, Interpolation interpolation, Accumulate accumulate) override {
        launch_stitch<Stitch>(call, call.lists.grid.tiles(), interpolation, accumulate);
    }

    void scatter(const StitchCall& call, std::int64_t patches, Interpolation interpolation,
                 Accumulate accumulate) override {
        launch_stitch<Scatter>(call, patches * call.patch_rows * call.patch_columns, interpolation,
                               accumulate);
    }

    void read(const PixelCall& call, Accumulate accumulate) override {
        launch_pixels<ReadPixels>(call, accumulate);
    }
    void merge(const PixelCall& call, Accumulate accumulate) override {
        launch_pixels<MergePixels>(call, accumulate);
    }
    void largest(const PixelCall& call) override {
        this->run(LargestPixel{call}, blocks_of(call.pixels.count(), LargestPixel::kColumns));
    }

  private:
    /// Replaces every number by the sum of those before it, run of numbers by run of numbers.
    void add_up(std::int32_t* values, std::int64_t count, std::int32_t* sums) {
        const std::int64_t runs = blocks_of(count, kRun), blocks = blocks_of(runs, kListThreads);
        if (runs == 1) return this->run(AddUpRuns{values, count, nullptr}, 1);
        this->run(SumRuns{values, count, sums}, blocks);
        add_up(sums, runs, sums + runs);
        this->run(AddUpRuns{values, count, sums}, blocks);
    }

    template <template <int, class> class Kernel>
    void launch_stitch(const StitchCall& call, std::int64_t blocks, Interpolation interpolation,
                       Accumulate accumulate) {
        switch (interpolation) {
            case Interpolation::nearest:
                return launch_stitch<Kernel, 1>(call, blocks, accumulate);
            case Interpolation::bilinear:
                return launch_stitch<Kernel, 2>(call, blocks, accumulate);
            case Interpolation::cubic:
                return launch_stitch<Kernel, 4>(call, blocks, accumulate);
            case Interpolation::lanczos3:
                return launch_stitch<Kernel, 6>(call, blocks, accumulate);
        }
    }

    template <template <int, class> class Kernel, int Taps>
    void launch_stitch(const StitchCall& call, std::int64_t blocks, Accumulate accumulate) {
        switch (accumulate) {
            case Accumulate::float32:
                return this->run(Kernel<Taps, FloatPixel<float>>{call}, blocks);
            case Accumulate::float64:
                return this->run(Kernel<Taps, FloatPixel<double>>{call}, blocks);
            case Accumulate::exact:
                return this->run(Kernel<Taps, ExactPixel>{call}, blocks);
        }
    }

    template <template <class> class Kernel>
    void launch_pixels(const PixelCall& call, Accumulate accumulate) {
        const std::int64_t blocks = blocks_of(call.pixels.count(), PixelKernel<ExactPixel>::kColumns);
        switch (accumulate) {
            case Accumulate::float32:
                return this->run(Kernel<FloatPixel<float>>{{call}}, blocks);
            case Accumulate::float64:
                return this->run(Kernel<FloatPixel<double>>{{call}}, blocks);
            case Accumulate::exact:
                return this->run(Kernel<ExactPixel>{{call}}, blocks);
        }
    }
};

}  // namespace ptychoscope
