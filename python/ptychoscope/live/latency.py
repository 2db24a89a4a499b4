"""LatencyHistogram: how long frames took, in buckets that grow by 6 %, and the quantiles from them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_PER_DECADE = 40
_LOWEST_S, _DECADES = 1e-6, 9
_EDGES_S: NDArray[np.float64] = _LOWEST_S * 10 ** (np.arange(_PER_DECADE * _DECADES + 1) / _PER_DECADE)


class LatencyHistogram:
    """Durations from 1 us to 1000 s; shorter and longer ones count in the outermost buckets.

    A quantile is that of the durations themselves to within the width of a bucket, never above the largest.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(len(_EDGES_S) + 1, np.int64)
        self._sum_s = 0.0
        self._largest_s = 0.0

    def __len__(self) -> int:
        """How many durations were added."""
        return int(self._counts.sum())

    def add(self, durations_s: ArrayLike) -> None:
        """Durations (n,), or one; those that are not finite or below 0 count as 0."""
        values = np.asarray(durations_s, dtype=np.float64).reshape(-1)
        if not len(values):
            return
        values = np.where(np.isfinite(values) & (values > 0), values, 0)
        buckets = np.searchsorted(_EDGES_S, values, side="left")
        self._counts += np.bincount(buckets, minlength=len(self._counts))
        self._sum_s += float(values.sum())
        self._largest_s = max(self._largest_s, float(values.max()))

    def quantile_s(self, fraction: float) -> float:
        """The upper edge of the bucket below which `fraction` of the durations lie; 0 when there are none."""
        total = len(self)
        if not total:
            return 0.0
        bucket = int(np.searchsorted(np.cumsum(self._counts), np.ceil(fraction * total), side="left"))
        return min(float(_EDGES_S[min(bucket, len(_EDGES_S) - 1)]), self._largest_s)

    def cumulative(self, edges_s: ArrayLike) -> list[int]:
        """How many durations are at most as long as each of `edges_s`, to within a bucket: for Prometheus."""
        below = np.concatenate([[0], np.cumsum(self._counts)])
        places = np.searchsorted(_EDGES_S, np.asarray(edges_s) * (1 + 1e-9), side="right")
        return [int(count) for count in below[places]]

    def snapshot(self) -> dict[str, float]:
        """Plain numbers: count, sum, mean, p50, p95, p99 and the largest, in seconds."""
        count = len(self)
        return {
            "count": count,
            "sum_s": self._sum_s,
            "mean_s": self._sum_s / count if count else 0.0,
            "p50_s": self.quantile_s(0.5),
            "p95_s": self.quantile_s(0.95),
            "p99_s": self.quantile_s(0.99),
            "largest_s": self._largest_s,
        }
