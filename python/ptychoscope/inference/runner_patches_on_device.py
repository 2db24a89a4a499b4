"""Stitching patches on the device that computed them.

`CudaRunner` is a self-contained graph whose patches stay where they are; what still needs the host, merging
between passes and aligning phases, is refused.
"""

from typing import Any

from numpy.typing import NDArray

from ptychoscope.errors import BundleError, ConfigError
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.inference.runner import PositionedPatches, Positions
from ptychoscope.inference.session import parse_device
from ptychoscope.option_literals import Domain


def check_device_stitching(config: ModelConfig, device: str, merge: str, align: str | None) -> None:
    """Raise `ConfigError` when patches of a model on `device` cannot be stitched there."""
    reason = None
    if parse_device(device)[0] not in ("cuda", "tensorrt"):
        reason = f'a model on a CUDA device, and this one runs on {device}: load it with device="cuda"'
    elif merge != "none":
        reason = f'merge="none", got {merge!r}: between passes, neighbours are merged on the host'
    elif align not in (None, "none"):
        reason = f'align="none", got {align!r}: phases are aligned on the host'
    elif config.stitch.inner_crop_px:
        reason = f"patches without an inner crop, and this model's is {config.stitch.inner_crop_px} px"
    if reason is not None:
        raise ConfigError(f'stitch="device" needs {reason}, or stitch="host"')


class CudaRunner:
    """Hands patches out as `OrtValue`s on the session's device: none is copied to the host. Thread-safe.

    Raises `ConfigError` for a network whose output would first have to be rearranged on the host.
    """

    name = "device"

    def __init__(self, graph: GraphRunner) -> None:
        if not graph.dense:
            raise ConfigError(
                "only patches that come as (n, 2, P, P) planes, in batches of any size, can be stitched "
                "where they lie: stitch those of this network on the host"
            )
        self._graph = graph
        self.values = graph.values

    def positioned(
        self, patterns: NDArray[Any], domain: Domain, positions_px: Positions, *, merge: bool = False
    ) -> PositionedPatches:
        """The patches at their positions."""
        graph = self._graph
        patches = graph.session.run_there(graph.output, graph.feeds(patterns, domain))
        if tuple(patches.shape()) != graph.expected(len(patterns)):
            raise BundleError(
                f"the graph gave {tuple(patches.shape())} for {len(patterns)} frames, "
                f"not {graph.expected(len(patterns))}"
            )
        return PositionedPatches(patches, self.values, positions_px)
