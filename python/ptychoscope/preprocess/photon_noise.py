"""What photon noise alone leaves of the misfit between measured and expected amplitudes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOG_MEANS = np.linspace(-3, 2, 101)


def amplitude_variance(expected: NDArray[Any]) -> NDArray[np.float64]:
    """E (sqrt(n) - sqrt(m))^2 of Poisson counts n with the mean m = `expected`; m for few, 1/4 for many."""
    m = np.asarray(expected, np.float64)
    known = np.interp(np.log10(np.maximum(m, 1e-12)), _LOG_MEANS, _table())
    return np.where(m < 10.0 ** _LOG_MEANS[0], m, np.where(m > 10.0 ** _LOG_MEANS[-1], 0.25, known))


def noise_misfit(expected: NDArray[Any]) -> float:
    """sum (A - |U|)^2 / sum A^2 that is left when |U|^2 is the truth, `expected` counts in every pixel."""
    total = float(np.sum(expected, dtype=np.float64))
    return float(amplitude_variance(expected).sum()) / total if total > 0 else 0.0


def _table() -> NDArray[np.float64]:
    """The variance at `_LOG_MEANS`, summed over the Poisson distribution."""
    means = 10.0 ** _LOG_MEANS[:, None]
    n = np.arange(1, 260)
    log_factorial = np.cumsum(np.log(n))
    probability = np.exp(n * np.log(means) - means - log_factorial)
    return np.asarray(2 * means[:, 0] - 2 * np.sqrt(means[:, 0]) * (probability * np.sqrt(n)).sum(axis=1))
