// Stitch 100 patches of a phase ramp on a raster of 8.5 px, and read the image where it changed.
#include <ptychoscope/canvas.h>

#include <cstdio>
#include <vector>

int main() {
    using ptychoscope::Box, ptychoscope::Canvas, ptychoscope::PatchBatch;
    constexpr int kSide = 64, kRaster = 10;
    constexpr double kStep_px = 8.5, kSlope = 0.02;  // radians per pixel along x

    ptychoscope::CanvasOptions options;
    options.threads = 2;
    Canvas canvas(160, 180, nullptr, 0, 0, options);  // no window: all pixels of a patch weigh alike
    for (int i = 0; i < kRaster * kRaster; ++i) {     // as a detector delivers them
        const double centre[2] = {40 + i / kRaster * kStep_px, 45 + i % kRaster * kStep_px};
        std::vector<std::complex<float>> patch;
        for (int k = 0; k < kSide * kSide; ++k)
            patch.push_back(std::polar(1.0f, float(kSlope * (centre[1] + k % kSide - kSide / 2))));
        canvas.add(PatchBatch::complex64(patch.data(), 1, kSide, kSide), centre);
    }

    const Box box = canvas.take_dirty();
    const auto height = box.row1 - box.row0, width = box.column1 - box.column0;
    std::vector<std::complex<float>> image(height * width);
    canvas.image(box, image.data());
    const auto left = image[height / 2 * width + 10], right = image[height / 2 * width + 60];
    std::printf("rows %ld:%ld, columns %ld:%ld, modulus %.4f, slope %.4f rad/px\n", long(box.row0),
                long(box.row1), long(box.column0), long(box.column1), std::abs(left),
                std::arg(right / left) / 50);
}
