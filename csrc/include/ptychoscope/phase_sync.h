// The constant phases of patches, solved all at once over the graph of their overlaps.
//
// Definition. Patches g_k with window w overlap by H_kl = sum_r conj(w g_k)(r) (w g_l)(r), over the pixels
// r that both have, the second interpolated bilinearly onto those of the first. Phase synchronisation
// (Singer, Applied and Computational Harmonic Analysis 30, 20, 2011) asks for unit numbers x_k that maximise
// sum conj(x_k) H_kl x_l. The maximum over vectors in place of unit numbers is the leading eigenvector of H,
// each row and column divided by the root of its summed moduli, so that a few heavy patches cannot draw it
// together. Only the nearest neighbours on each side take part: their overlaps are the largest, and the
// phase that two patches disagree by grows with their distance.
//
// The graph falls into components where patches do not overlap; each has one phase that nothing determines,
// which is left as close as possible to what the patches had.
//
// Threads. Nothing is kept between calls: they may come from several threads at once.
//
// ABI: none across minor versions, see version.h.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "ptychoscope/canvas.h"
#include "ptychoscope/export.h"

namespace ptychoscope {

/// The neighbours of a patch that take part: so many in each quadrant around it.
constexpr std::int64_t kNeighboursPerQuadrant = 1;

/// Unit numbers (count) that bring patches to one phase where they overlap: PatchBatch::rotations. 1 for
/// patches that overlap no other, and for those whose position or pixels are not finite. `positions` (count,
/// 2) as for Canvas::add; `window` (height, width) on any scale, nullptr weighs all alike. The same input
/// gives the same bits; memory grows with the number of patches, not with their pixels. Throws
/// std::invalid_argument when per_quadrant is not positive or the patches have no pixels, and std::bad_alloc.
PTYCHOSCOPE_API std::vector<std::complex<float>> solve_phases(
    const PatchBatch& patches, const double* positions, const float* window,
    std::int64_t per_quadrant = kNeighboursPerQuadrant);

}  // namespace ptychoscope
