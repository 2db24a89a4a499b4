"""CudaCanvas: a Canvas on an NVIDIA device, for patches that are there already."""

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike

from ptychoscope import _core
from ptychoscope.errors import ConfigError, DeviceError, ScanError
from ptychoscope.option_literals import Accumulate, Interpolation, Values, one_of
from ptychoscope.stitch._canvas_base import (
    AddReport,
    CanvasBase,
    as_positions,
    as_shape,
    as_window,
    reason,
)
from ptychoscope.stitch._device_arrays import patch_memory


class CudaCanvas(CanvasBase):
    """What `Canvas` computes, by the same operations in the same order, on a device.

    The bits do not depend on how patches were split over calls, nor on whether a canvas grew or was large
    from the start; with `accumulate="exact"` they do not depend on the order of the patches and on merges
    either. The sums stay on the device; only what is read is copied.

    Parameters
    ----------
    shape
        (H, W) pixels of the canvas.
    window
        (P, Q) float32 weights of the pixels of a patch; None weighs all alike.
    interpolation
        how a patch is read between its pixels.
    accumulate
        what the sums are held in, as for `Canvas`.
    atomics
        add by atomic operations, patch by patch, instead of pixel by pixel in the order of the
        patches. Float sums then differ in their last bits from run to run, and can keep no spread; exact
        ones do neither.
    spread
        keep what `spread()` needs.
    bound
        largest modulus of a patch pixel that `exact` must hold; larger ones are an error.
    grow
        extend the canvas when a patch leaves it, instead of clipping the patch.
    max_pixels
        a canvas that would need more is an error.
    device
        number of the CUDA device; or "host", which runs the same kernels thread by thread on the
        host: slow, for tests where there is no device.

    Raises
    ------
    ConfigError
        an argument has a value that it cannot have.
    DeviceError
        there is no such device, or the build has no CUDA kernels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        window: ArrayLike | None = None,
        interpolation: Interpolation = "cubic",
        accumulate: Accumulate = "float32",
        *,
        atomics: bool = False,
        spread: bool = True,
        bound: float = 64.0,
        grow: bool = False,
        max_pixels: int = 2**28,
        device: int | Literal["host"] = 0,
    ) -> None:
        height, width = as_shape(shape)
        if device != "host" and (not isinstance(device, int) or device < 0):
            raise ConfigError(f'device must be the number of a CUDA device, or "host", got {device!r}')
        try:
            self._core = _core.CudaCanvas(
                height=height,
                width=width,
                window=None if window is None else as_window(window, 0),
                interpolation=one_of("interpolation", interpolation, Interpolation),
                accumulate=one_of("accumulate", accumulate, Accumulate),
                threads=1,
                spread=bool(spread),
                bound=float(bound),
                grow=bool(grow),
                max_pixels=int(max_pixels),
                device=_core.HOST_DEVICE if device == "host" else device,
                atomics=bool(atomics),
            )
        except (ValueError, MemoryError) as error:
            why = reason(error, f"no memory for {height} x {width} pixels")
            raise ConfigError(f"CudaCanvas: {why}") from error
        except RuntimeError as error:
            raise DeviceError(f"CudaCanvas: {error}; Canvas works without a device") from error
        self._on_host = device == "host"

    @property
    def device_seconds(self) -> float:
        """What the device took for the last add(), by its own clock (CUDA events)."""
        seconds: float = self._core.device_seconds()
        return seconds

    def add(
        self, patches: Any, positions: ArrayLike, *, values: Values = "complex", warn: bool = True
    ) -> AddReport:
        """Add patches centred (index P // 2) on positions; what is not finite is left out and reported.

        Patches on the device are read where they lie: those that come by DLPack after what their library has
        begun to do with them, others after all work that the device was given before. Arrays on the host are
        copied to the device.

        Parameters
        ----------
        patches
            (n, P, Q) complex64; or, as `values` says, (n, 2, P, Q) float32 or float16 with real and
            imaginary parts, or amplitudes and phases (radians): an array with `__dlpack__` or
            `__cuda_array_interface__`, an `OrtValue`, or an array on the host.
        positions
            (n, 2) float64 on the host, (y, x) in canvas pixels.
        values, warn
            as for `Canvas.add`.

        Raises
        ------
        ScanError
            where `Canvas.add` raises it.
        DeviceError
            the device failed.
        """
        one_of("values", values, Values)
        core = self._core
        memory = patch_memory(patches, values, stream=None if self._on_host else core.stream())
        if self._on_host and memory.on_device:
            raise ScanError('CudaCanvas.add: patches on a device, a canvas with device="host"')
        centres = as_positions(positions, memory.shape[0])
        try:
            report = core.add(
                memory.first,
                memory.second,
                memory.shape,
                memory.strides,
                float16=memory.float16,
                polar=values == "amplitude_phase",
                positions=centres,
                wait=memory.wait,
            )
        except (ValueError, OverflowError, MemoryError) as error:
            raise ScanError(f"CudaCanvas.add: {reason(error, 'no memory to grow')}") from error
        except RuntimeError as error:
            raise DeviceError(f"CudaCanvas.add: {error}") from error
        return self._take_note(report, memory.shape[0], warn)
