"""CudaCanvas: a Canvas on an NVIDIA device, for patches that are there already."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychoscope import _core
from ptychoscope._canvas_arguments import as_positions, as_shape, as_window, one_of
from ptychoscope._device_arrays import patch_memory
from ptychoscope.canvas import AddReport, Region
from ptychoscope.config import Interpolation
from ptychoscope.errors import ConfigError, DeviceError, ScanError

Values = Literal["complex", "real_imag"]


class CudaCanvas:
    """What `Canvas` computes in float32, by the same operations in the same order, on a device.

    The bits do not depend on how patches were split over calls. The image stays on the device; only what is
    read is copied.

    Args:
        shape: (H, W) pixels of the canvas.
        window: (P, Q) float32 weights of the pixels of a patch; None weighs all alike.
        interpolation: how a patch is read between its pixels.
        spread: keep what `spread()` needs.
        device: number of the CUDA device.

    Raises:
        ConfigError: an argument has a value that it cannot have.
        DeviceError: there is no such device, or the build has no CUDA kernels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        window: ArrayLike | None = None,
        interpolation: Interpolation = "cubic",
        *,
        spread: bool = True,
        device: int = 0,
    ) -> None:
        height, width = as_shape(shape)
        try:
            self._core = _core.CudaCanvas(
                height=height,
                width=width,
                window=None if window is None else as_window(window, 0),
                interpolation=one_of("interpolation", interpolation, Interpolation),
                spread=bool(spread),
                device=int(device),
            )
        except ValueError as error:
            raise ConfigError(f"CudaCanvas: {error}") from error
        except RuntimeError as error:
            raise DeviceError(f"CudaCanvas: {error}; Canvas works without a device") from error
        self.shape = (height, width)
        self.left_out = 0

    def add(
        self, patches: Any, positions: ArrayLike, *, values: Values = "complex", warn: bool = True
    ) -> AddReport:
        """Add patches centred (index P // 2) on positions; what is not finite is left out and reported.

        Patches on the device are read where they lie, after all work that the device was given before; others
        are copied there.

        Args:
            patches: (n, P, Q) complex64, or (n, 2, P, Q) float32 with real and imaginary parts, as `values`
                says: an array with `__cuda_array_interface__`, an `OrtValue`, or an array on the host.
            positions: (n, 2) float64 on the host, (y, x) in canvas pixels.
            values: what `patches` holds.
            warn: warn when patches are left out.

        Raises:
            ScanError: shapes or types do not fit.
            DeviceError: the device failed.
        """
        memory = patch_memory(patches, one_of("values", values, Values))
        centres = as_positions(positions, memory.shape[0])
        try:
            report = self._core.add(memory.first, memory.second, memory.shape, memory.strides, centres)
        except ValueError as error:
            raise ScanError(f"CudaCanvas.add: {error}") from error
        except RuntimeError as error:
            raise DeviceError(f"CudaCanvas.add: {error}") from error
        left_out = len(report.bad_positions) + len(report.bad_patches)
        self.left_out += left_out
        if left_out and warn:
            warnings.warn(
                f"{left_out} of {memory.shape[0]} patches are left out: {len(report.bad_positions)} "
                f"positions and {len(report.bad_patches)} patches are not finite",
                RuntimeWarning,
                stacklevel=2,
            )
        return AddReport(tuple(report.bad_positions), tuple(report.bad_patches), report.outside)

    def image(self, region: Region | None = None) -> NDArray[np.complex64]:
        """The weighted mean, (H, W) complex64, 0 where nothing lies; of `region`, or of all."""
        return self._read(self._core.image, region)

    def coverage(self, region: Region | None = None) -> NDArray[np.float32]:
        """The summed weights, (H, W) float32."""
        return self._read(self._core.coverage, region)

    def spread(self, region: Region | None = None) -> NDArray[np.float32]:
        """The weighted standard deviation of the predictions, (H, W) float32, in the units of the image."""
        return self._read(self._core.spread, region)

    def take_dirty(self) -> Region | None:
        """What changed since the last call, or None: read that region alone to follow a running scan."""
        region = self._core.take_dirty()
        return None if region[0] == region[1] or region[2] == region[3] else region

    def reset(self) -> None:
        """Forget all patches."""
        try:
            self._core.reset()
        except RuntimeError as error:
            raise DeviceError(f"CudaCanvas.reset: {error}") from error
        self.left_out = 0

    def _read(self, read: Any, region: Region | None) -> NDArray[Any]:
        height, width = self.shape
        row0, row1, column0, column1 = (0, height, 0, width) if region is None else map(int, region)
        if not (0 <= row0 <= row1 <= height and 0 <= column0 <= column1 <= width):
            raise ConfigError(
                f"region (row0, row1, column0, column1) = {region} leaves the canvas of {self.shape}"
            )
        try:
            array: NDArray[Any] = read((row0, row1, column0, column1))
        except ValueError as error:
            raise ConfigError(f"CudaCanvas: {error}") from error
        except RuntimeError as error:
            raise DeviceError(f"CudaCanvas: {error}") from error
        return array
