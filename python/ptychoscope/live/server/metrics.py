"""What Prometheus reads: counters of frames, the latency's histogram, queue and rate."""

from collections.abc import Iterator
from typing import Any

from ptychoscope.live.account import CAUSES


def metrics_text(numbers: dict[str, Any], viewers: int) -> bytes:
    """The `numbers` of a desk in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

    class Now:
        def collect(self) -> Iterator[Metric]:
            figures = numbers["figures"]
            frames, latency = figures["frames"], figures["latency"]
            yield CounterMetricFamily(
                "ptychoscope_frames_received", "Frames that came in", value=frames["received"]
            )
            yield CounterMetricFamily(
                "ptychoscope_frames_placed", "Frames that are in the image", value=frames["placed"]
            )
            lost = CounterMetricFamily(
                "ptychoscope_frames_lost", "Frames that are not, by cause", labels=["cause"]
            )
            for cause in CAUSES:
                lost.add_metric([cause], frames["lost"][cause])
            yield lost
            buckets = [(str(edge), count) for edge, count in numbers["latency"]]
            yield HistogramMetricFamily(
                "ptychoscope_latency_seconds",
                "From the arrival of a frame and its position to the image",
                buckets=[*buckets, ("+Inf", latency["count"])],
                sum_value=latency["sum_s"],
            )
            for name, what, value in (
                ("ptychoscope_queue_frames", "Frames that wait to be placed", figures["waiting"]),
                ("ptychoscope_rate_hz", "Frames placed a second, of late", numbers["rate_hz"]),
                ("ptychoscope_series_done", "Series that are done", figures["series"]),
                ("ptychoscope_viewers", "Viewers that are connected", viewers),
            ):
                yield GaugeMetricFamily(name, what, value=value)

    registry = CollectorRegistry()
    registry.register(Now())
    text: bytes = generate_latest(registry)
    return text
