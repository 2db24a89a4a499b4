#include "ptychoscope/phase_sync.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "phase_sync/overlap_graph.h"

namespace ptychoscope {

namespace {

using Complex = std::complex<double>;
using Vector = std::vector<Complex>;

constexpr int kKrylov = 48, kRestarts = 40;
constexpr double kTolerance = 1e-6;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// a b without the care for infinities that operator* takes.
Complex times(const Complex& a, const Complex& b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

Complex inner(const Vector& a, const Vector& b) {
    double real = 0, imaginary = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        real += a[i].real() * b[i].real() + a[i].imag() * b[i].imag();
        imaginary += a[i].real() * b[i].imag() - a[i].imag() * b[i].real();
    }
    return {real, imaginary};
}

double norm(const Vector& a) { return std::sqrt(inner(a, a).real()); }

void add(Vector& to, const Complex& factor, const Vector& from) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += times(factor, from[i]);
}

void scale(Vector& vector, double factor) {
    for (Complex& value : vector) value *= factor;
}

/// The product of the Hermitian matrix with these entries, each beside its mirror image, with a vector.
Vector product(const std::vector<Overlap>& entries, const Vector& vector) {
    Vector result(vector.size());
    for (const Overlap& e : entries) {
        result[index(e.first)] += times(e.value, vector[index(e.second)]);
        result[index(e.second)] += times(std::conj(e.value), vector[index(e.first)]);
    }
    return result;
}

/// The largest eigenvector of a symmetric tridiagonal matrix. Above the largest eigenvalue x - T is positive
/// definite, which shows in its pivots: bisection finds the smallest such x, inverse iteration there the
/// vector.
std::vector<double> leading_of_tridiagonal(const std::vector<double>& diagonal,
                                           const std::vector<double>& beside) {
    const std::size_t n = diagonal.size();
    std::vector<double> pivot(n);
    const auto definite = [&](double x) {
        for (std::size_t i = 0; i < n; ++i) {
            pivot[i] = x - diagonal[i] - (i > 0 ? beside[i - 1] * beside[i - 1] / pivot[i - 1] : 0);
            if (!(pivot[i] > 0)) return false;
        }
        return true;
    };
    double low = *std::max_element(diagonal.begin(), diagonal.end()), high = low;
    for (double width = 1; !definite(high); width *= 2) high = low + width;
    for (double middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2)
        (definite(middle) ? high : low) = middle;
    definite(high);
    std::vector<double> vector(n, 1);
    for (int iteration = 0; iteration < 3; ++iteration) {
        for (std::size_t i = 1; i < n; ++i) vector[i] += vector[i - 1] * beside[i - 1] / pivot[i - 1];
        for (std::size_t i = n; i-- > 0;)
            vector[i] = (vector[i] + (i + 1 < n ? beside[i] * vector[i + 1] : 0)) / pivot[i];
        const double length =
            std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
        for (double& value : vector) value /= length;
    }
    return vector;
}

/// The leading eigenvector of the Hermitian matrix with `entries` above the diagonal, by restarted Lanczos
/// iteration. The spectrum lies in [-1, 1]; 1 is reached where all overlaps agree, by the start already. New
/// vectors are made orthogonal to their last two alone: the others are lost no sooner than the leading pair
/// has converged (Paige, Linear Algebra and its Applications 34, 235, 1980), and then the iteration ends.
Vector leading(const std::vector<Overlap>& entries, Vector vector) {
    const std::size_t steps = std::min<std::size_t>(kKrylov, vector.size());
    for (int restart = 0; restart < kRestarts; ++restart) {
        scale(vector, 1 / norm(vector));
        std::vector<Vector> basis = {vector};
        std::vector<double> diagonal, beside;
        while (diagonal.size() < steps) {
            Vector image = product(entries, basis.back());
            diagonal.push_back(inner(basis.back(), image).real());
            if (basis.size() > 1) add(image, -inner(basis[basis.size() - 2], image), basis[basis.size() - 2]);
            add(image, -inner(basis.back(), image), basis.back());
            beside.push_back(norm(image));
            if (beside.back() < kTolerance) break;
            scale(image, 1 / beside.back());
            basis.push_back(std::move(image));
        }
        const std::vector<double> weights = leading_of_tridiagonal(diagonal, beside);
        std::fill(vector.begin(), vector.end(), 0);
        for (std::size_t i = 0; i < weights.size(); ++i) add(vector, weights[i], basis[i]);
        if (std::abs(beside.back() * weights.back()) < kTolerance) break;
    }
    return vector;
}

/// The phases of one component, as close to 1 as a common factor brings them.
Vector synchronised(const Component& part, const std::vector<double>& energy) {
    const std::size_t count = part.members.size();
    std::vector<double> root(count, 0);
    for (const Overlap& o : part.overlaps)
        root[index(o.first)] += std::abs(o.value), root[index(o.second)] += std::abs(o.value);
    for (double& degree : root) degree = std::sqrt(degree);
    std::vector<Overlap> entries = part.overlaps;
    for (Overlap& e : entries) e.value /= root[index(e.first)] * root[index(e.second)];
    Vector start = part.phases;
    for (std::size_t k = 0; k < count; ++k) start[k] *= root[k];
    Vector unit = leading(entries, std::move(start));
    Complex common = 0;
    double total = 0;
    for (std::size_t k = 0; k < count; ++k) {
        const double length = std::abs(unit[k]), weight = energy[index(part.members[k])];
        unit[k] = length > 0 ? unit[k] / length : part.phases[k];
        common += unit[k] * weight, total += weight;
    }
    if (!(std::abs(common) > 1e-6 * total)) common = unit[0];
    for (Complex& value : unit) value = times(value, std::conj(common) / std::abs(common));
    return unit;
}

}  // namespace

std::vector<std::complex<float>> solve_phases(const PatchBatch& patches, const double* positions,
                                              const float* window, std::int64_t per_quadrant) {
    if (per_quadrant < 1 || patches.height < 1 || patches.width < 1)
        throw std::invalid_argument("solve_phases: per_quadrant and the sides of patches must be positive");
    const std::vector<PatchPair> pairs =
        neighbours(positions, patches.count, patches.height, patches.width, per_quadrant);
    const OverlapGraph graph = overlap_graph(patches, positions, window, pairs);
    std::vector<std::complex<float>> result(index(patches.count), 1);
    for (const Component& part : components(graph)) {
        const Vector unit = synchronised(part, graph.energy);
        for (std::size_t i = 0; i < unit.size(); ++i)
            result[index(part.members[i])] = std::complex<float>(unit[i]);
    }
    return result;
}

}  // namespace ptychoscope
