// Refiner: sequential rPIE sweeps over diffraction patterns that stay in memory.
//
// One visit of frame k, at position p = corner + N // 2 + fraction on the object's pixel grid:
//     psi_m  = P_m(fraction) * O[corner ...]                      exit waves, one per incoherent probe mode m
//     U_m    = FFT(psi_m)                                         orthonormal
//     psi'_m = IFFT(U_m * A_k / sqrt(sum |U|^2 + b))              unmeasured pixels keep U_m
//     O[corner ...] += step * sum conj(P_m) (psi'_m - psi_m) / ((1 - a) sum |P_m|^2 + a max sum |P|^2)
// with P(fraction) the probe moved by the fraction of a pixel (Fourier shift, steps of 1/8 px), a the
// regularisation and b the counts of a background that adds up incoherently (none: 0). Maiden, Johnson and
// Li, Optica 4, 736 (2017).
//
// Order and threads: the plane is cut into tiles as wide as a window, the tiles coloured 2 x 2. Windows of
// two tiles of one colour cannot touch, so tiles of a colour run side by side, frames of a tile one after the
// other, in an order drawn from a seed. The order that counts is a function of seed and positions alone: any
// number of threads gives the same bits (on one instruction set).
//
// Threads. Calls may come from any thread; each waits for the one before it.
//
// Errors. Arguments that cannot be right throw std::invalid_argument, with the name and the value; beside
// that std::bad_alloc and, when threads cannot be started, std::system_error. Frames that cannot be used are
// kept and shown by states(); those whose wave became infinite are counted by SweepReport::rejected.
//
// ABI: none across minor versions, see version.h.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ptychoscope/export.h"

namespace ptychoscope {

/// Why a frame takes no part in sweeps.
enum class FrameState : std::uint8_t {
    used = 0,
    outside = 1,   ///< its window does not lie within the object
    unplaced = 2,  ///< its position is not a finite number
    dark = 3,      ///< no counts in any measured pixel
    set_aside = 4  ///< by set_aside(); examined sweeps find its misfit and nothing else
};

/// What a visit does with the corrected exit waves.
enum class SweepMode : std::uint8_t {
    sequential,  ///< moves the object at once: rPIE
    averaged,    ///< the object becomes the |P|^2-weighted mean of the corrected patches, when all are known
    examined,    ///< leaves the object: coverage and spread alone
};

struct SweepOptions {
    SweepMode mode = SweepMode::sequential;
    float regularisation =
        1.f;           ///< a, above 0 and at most 2: small trusts every frame, large averages noise away
    float step = 1.f;  ///< above 0 and at most 2
    float visit_decay = 0.f;  ///< the step of a frame's k-th visit, k from 1, is step / k^visit_decay
    float probe_step = 0.f;  ///< 0 keeps the probe; 1 is the least-squares probe of the frames of each colour
    float position_step = 0.f;  ///< 0 keeps positions; 1 is a Gauss-Newton step
    float position_limit_px =
        2.f;  ///< how far a position may move from where it was added, in each direction
    /// 0, or below 1: after a sequential sweep the object goes on by m v, v = m v + what the sweep changed.
    /// v is forgotten by a sweep without and by set_object.
    float momentum = 0.f;
    /// 0 keeps the background; from 0 to 2: after the sweep it is multiplied by the mean of A^2 / I over
    /// frames, to this power (1: expectation maximisation for Poisson counts). What is 0 stays 0.
    float background_step = 0.f;
    bool background_whole = false;  ///< one factor for all pixels: the background keeps its shape
    std::uint64_t seed = 0;         ///< of the order
};

/// Sums over the frames of a sweep in which a pixel was measured, (window, window) each, zero frequency at
/// window / 2.
struct PixelSums {
    std::vector<float> counts;       ///< A^2
    std::vector<float> predicted;    ///< I = sum |U|^2 + b, as each frame was met
    std::vector<float> differences;  ///< (A - sqrt I)^2
    std::vector<float> ratios;       ///< A^2 / I
    std::vector<float> frames;       ///< 1
};

struct SweepReport {
    double misfit = 0;        ///< sum (A - |U|)^2 / sum A^2 over the measured pixels, as each frame was met
    int frames = 0;           ///< frames that took part
    int rejected = 0;         ///< frames whose wave was not finite and that were left out
    double moved_rms_px = 0;  ///< of the positions, in this sweep
};

class PTYCHOSCOPE_API Refiner {
  public:
    /// Windows of `window` pixels on an object of height x width. Throws std::invalid_argument.
    Refiner(int window, int height, int width, int modes, int threads);
    ~Refiner();

    /// (height, width), finite. Before the first call the object is 1 everywhere.
    void set_object(const std::complex<float>* object);
    /// Puts as many pixels of 1 before and after the object's rows and columns; frames keep their place on
    /// it, so that positions to come count from the new corner. `top` and `left` are multiples of
    /// growth_step(): then every sweep goes on as if the object had been that large from the start.
    /// Coverage and spread are zeros until the next sweep that finds them. Throws std::invalid_argument.
    void grow(int top, int left, int bottom, int right);
    int growth_step() const;
    /// (modes, window, window), centre at window / 2, finite and not all zero.
    void set_probe(const std::complex<float>* probe);
    /// Of frames that are added from now on, the first `memory` bytes lie in memory, all others in a file
    /// without a name in `folder`; before the first. No result depends on it. Throws std::runtime_error when
    /// no file can be made there.
    void keep_frames_in(const std::string& folder, std::size_t memory = 0);
    /// amplitudes (count, window, window), zero frequency at [window / 2][window / 2], negative or not finite
    /// where unmeasured; positions (count, 2) as (y, x) of the window's centre in object pixels.
    void add_frames(const float* amplitudes, const double* positions, int count);

    /// Positions (frames, 2) of all frames anew, as if they had been added there. Frames that cannot be used
    /// keep theirs; the window of any other must lie within the object. Throws std::invalid_argument, and
    /// then nothing has moved.
    void set_positions(const double* positions);

    /// Adds `counts`, finite, to every measured pixel of all frames that can be used; none falls below 0.
    void add_counts(double counts);
    /// Counts (window, window) that every frame holds besides the waves, zero frequency at window / 2, finite
    /// and 0 or more; null: none.
    void set_background(const float* background);
    /// Sets these frames aside (true), or back among the used. Those that cannot be used stay what they are.
    void set_aside(const std::vector<int>& frames, bool aside);

    /// Visits frames first <= k < last once. Throws std::invalid_argument without a probe.
    SweepReport sweep(const SweepOptions& options, int first, int last);
    /// Blends patches (count, window, window) of frames first, first + 1 ... into the object, bilinearly at
    /// their positions and weighted by |P|^2 against what was blended there before: a start for frames not
    /// yet swept.
    void blend(const std::complex<float>* patches, int first, int count);
    /// (last - first, window, window) counts that object, probe and background predict for frames first <= k
    /// < last, at their positions and in the fractions of a pixel that a sweep uses; zero frequency at window
    /// / 2, 0 for frames that are not placed, outside or dark.
    void predicted(float* out, int first, int last) const;
    /// (last - first,) sum |A - sqrt I| / sum A of frames first <= k < last over their measured pixels, I as
    /// predicted; NaN for frames that are not placed, outside or dark. Whoever waits for another call goes
    /// first after every frame, so that each is of the object as it then is.
    void r_factors(float* out, int first, int last) const;
    /// The order of a sweep, without sweeping; frames that may run side by side follow one another in it.
    std::vector<int> order(std::uint64_t seed, int first, int last) const;

    int frames() const;
    int window() const;
    int height() const;
    int width() const;
    int modes() const;
    void copy_object(std::complex<float>* out) const;
    /// Of rows row0 <= y < row1 and columns column0 <= x < column1 alone.
    void copy_object(std::complex<float>* out, int row0, int row1, int column0, int column1) const;
    void copy_probe(std::complex<float>* out) const;
    /// (height, width) of the last averaged or examined sweep: sum |P|^2 over its frames, and the weighted
    /// standard deviation of their corrected patches psi' / P from the object. Zeros before.
    void copy_coverage(float* out) const;
    void copy_spread(float* out) const;
    bool has_background() const;
    void copy_background(float* out) const;  ///< (window, window); zeros without
    /// Of the last examined sweep, or of the last that moved the background; empty vectors before.
    PixelSums pixel_sums() const;
    std::vector<double> positions() const;                ///< (frames, 2)
    std::vector<FrameState> states(int first = 0) const;  ///< (frames - first,) from `first` on
    std::vector<double> misfits() const;                  ///< (frames,) at the last visit; NaN before

  private:
    struct PTYCHOSCOPE_INTERNAL State;
    std::unique_ptr<State> state_;
};

}  // namespace ptychoscope
