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

    void place(const PlacePatches& call) override { each(call, call.count); }

    void list_tiles(const TileLists& lists) override {
        each(CountTiles{lists}, lists.count);
        add_up(lists.first, lists.grid.tiles() + 1, lists.sums);
        each(FillTiles{lists}, lists.count);
        each(SortTiles{lists}, lists.room);
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
    void largest(const PixelCall& call) override { each(LargestPixel{{call}}, call.pixels.count()); }

  private:
    /// Runs `work` for every element, of which there are no more than `most`.
    template <class Work>
    void each(const Work& work, std::int64_t most) {
        this->run(EachElement<Work>{work}, blocks_of(most, Work::kBlock));
    }

    /// Replaces every number by the sum of those before it, run of numbers by run of numbers.
    void add_up(std::int32_t* values, std::int64_t count, std::int32_t* sums) {
        const std::int64_t runs = runs_of(count);
        if (runs == 1) return each(AddUpRuns{values, count, nullptr}, 1);
        each(SumRuns{values, count, sums}, runs);
        add_up(sums, runs, sums + runs);
        each(AddUpRuns{values, count, sums}, runs);
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
        const std::int64_t pixels = call.pixels.count();
        switch (accumulate) {
            case Accumulate::float32:
                return each(Kernel<FloatPixel<float>>{{call}}, pixels);
            case Accumulate::float64:
                return each(Kernel<FloatPixel<double>>{{call}}, pixels);
            case Accumulate::exact:
                return each(Kernel<ExactPixel>{{call}}, pixels);
        }
    }
};

}  // namespace ptychoscope
