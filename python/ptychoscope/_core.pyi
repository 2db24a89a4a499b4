"""
Ptychoscope's compiled kernels
"""

from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "AddReport",
    "Canvas",
    "CudaCanvas",
    "DlpackArray",
    "FramePreprocessor",
    "HOST_DEVICE",
    "Projector",
    "Refiner",
    "SweepMode",
    "SweepOptions",
    "SweepReport",
    "active_isa",
    "available_isas",
    "copy_bandwidth",
    "cuda_architectures",
    "cuda_devices",
    "decode_chunks",
    "fft2",
    "look_into_dlpack",
    "naive_stitch",
    "read_bandwidth",
    "solve_phases",
]

class AddReport:
    """
    What became of the patches of one call to Canvas.add().
    """
    @property
    def bad_patches(self) -> list[int]:
        """
        Left out: a pixel not finite.
        """
    @property
    def bad_positions(self) -> list[int]:
        """
        Left out: position not finite.
        """
    @property
    def outside(self) -> int:
        """
        Wholly outside the canvas.
        """
    @property
    def rotations(self) -> list[complex]:
        """
        Align sequential: what patches were multiplied by.
        """

class Canvas:
    """
    The C++ canvas; ptychoscope.Canvas is its Python face.
    """
    def __init__(
        self,
        *,
        height: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
        window: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None,
        interpolation: str,
        accumulate: str,
        threads: typing.SupportsInt | typing.SupportsIndex,
        spread: bool,
        coverage: bool,
        bound: typing.SupportsFloat | typing.SupportsIndex,
        grow: bool,
        max_pixels: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def add(
        self,
        first: numpy.ndarray,
        second: numpy.ndarray,
        values: str,
        positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        sequential: bool,
        rotations: typing.Annotated[numpy.typing.ArrayLike, numpy.complex64] | None,
    ) -> AddReport: ...
    def add_counts(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        counts: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    ) -> None: ...
    def correlate(
        self,
        first: numpy.ndarray,
        second: numpy.ndarray,
        values: str,
        positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ) -> numpy.typing.NDArray[numpy.complex128]: ...
    def counts(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.int64]: ...
    def coverage(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def extent(self) -> tuple[int, int, int, int]: ...
    def image(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.complex64]: ...
    def merge(self, other: Canvas) -> None: ...
    def reset(self) -> None: ...
    def spread(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def sum(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.complex64]: ...
    def take_dirty(self) -> tuple[int, int, int, int]: ...

class CudaCanvas:
    """
    The C++ canvas on a device; ptychoscope.CudaCanvas is its Python face.
    """
    def __init__(
        self,
        *,
        height: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
        window: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None,
        interpolation: str,
        accumulate: str,
        threads: typing.SupportsInt | typing.SupportsIndex,
        spread: bool,
        bound: typing.SupportsFloat | typing.SupportsIndex,
        grow: bool,
        max_pixels: typing.SupportsInt | typing.SupportsIndex,
        device: typing.SupportsInt | typing.SupportsIndex,
        atomics: bool,
    ) -> None: ...
    def add(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        second: typing.SupportsInt | typing.SupportsIndex,
        shape: typing.Annotated[
            collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
            "FixedSize(3)",
        ],
        strides: typing.Annotated[
            collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
            "FixedSize(3)",
        ],
        *,
        float16: bool,
        polar: bool,
        positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        wait: bool,
    ) -> AddReport:
        """
        Addresses of both planes, shape (n, P, Q), strides in bytes; the memory is the caller's to keep.
        """
    def coverage(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def device_seconds(self) -> float:
        """
        What the device took for the last add(), by its own clock.
        """
    def extent(self) -> tuple[int, int, int, int]: ...
    def image(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.complex64]: ...
    def merge(self, other: CudaCanvas) -> None: ...
    def reset(self) -> None: ...
    def spread(
        self,
        region: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def stream(self) -> int:
        """
        The address of its cudaStream_t.
        """
    def take_dirty(self) -> tuple[int, int, int, int]: ...

class DlpackArray:
    """
    What a DLPack capsule says of an array.
    """
    @property
    def address(self) -> int: ...
    @property
    def device_id(self) -> int: ...
    @property
    def device_type(self) -> int:
        """
        1: the host, 2: CUDA, 13: CUDA, managed.
        """
    @property
    def shape(self) -> list[int]: ...
    @property
    def strides(self) -> list[int]:
        """
        Bytes.
        """
    @property
    def type(self) -> str:
        """
        As NumPy names types.
        """

class FramePreprocessor:
    """
    Frames of a detector as patterns, in one pass: window, mask, bins, orientation, root.
    """
    def __init__(
        self,
        *,
        detector: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        corner: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        side: typing.SupportsInt | typing.SupportsIndex,
        bin: typing.SupportsInt | typing.SupportsIndex,
        mask: typing.Annotated[numpy.typing.ArrayLike, numpy.bool] | None,
        threshold: typing.SupportsFloat | typing.SupportsIndex,
        all_ones: bool,
        negative: str,
        corner_origin: bool,
        transpose: bool,
        flip_y: bool,
        flip_x: bool,
        amplitudes_in: bool,
        amplitudes_out: bool,
        factor: typing.SupportsFloat | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def apply(
        self, frames: numpy.ndarray, out: numpy.typing.NDArray[numpy.float32]
    ) -> None:
        """
        Patterns (k, P, P) float32 into `out` of frames (k, H, W), contiguous.
        """
    @property
    def side(self) -> int: ...

class Projector:
    """
    The step that a measured pattern asks of an object patch: the modulus projection, divided by the probe.
    """
    def __init__(
        self,
        probe: typing.Annotated[numpy.typing.ArrayLike, numpy.complex64],
        regularisation: typing.SupportsFloat | typing.SupportsIndex,
        dark: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def residual(
        self,
        patches: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None,
        amplitudes: typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        fractions: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    ) -> numpy.typing.NDArray[numpy.float32]:
        """
        Residuals (n, 2, P, P) of patches (n, 2, P, P), or of patches of 1 when None.
        """
    @property
    def window(self) -> int: ...

class SweepMode:
    """
    Members:

      sequential

      averaged

      examined
    """

    __members__: typing.ClassVar[dict[str, SweepMode]]
    averaged: typing.ClassVar[SweepMode]
    examined: typing.ClassVar[SweepMode]
    sequential: typing.ClassVar[SweepMode]
    @typing.overload
    def __eq__(self, other: SweepMode) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: SweepMode) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(
        self, state: typing.SupportsInt | typing.SupportsIndex
    ) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class SweepOptions:
    """
    How a sweep goes; see the fields of refiner.h.
    """

    background_whole: bool
    mode: SweepMode
    def __init__(self) -> None: ...
    @property
    def background_step(self) -> float: ...
    @background_step.setter
    def background_step(
        self, arg0: typing.SupportsFloat | typing.SupportsIndex
    ) -> None: ...
    @property
    def momentum(self) -> float: ...
    @momentum.setter
    def momentum(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def position_limit_px(self) -> float: ...
    @position_limit_px.setter
    def position_limit_px(
        self, arg0: typing.SupportsFloat | typing.SupportsIndex
    ) -> None: ...
    @property
    def position_step(self) -> float: ...
    @position_step.setter
    def position_step(
        self, arg0: typing.SupportsFloat | typing.SupportsIndex
    ) -> None: ...
    @property
    def probe_step(self) -> float: ...
    @probe_step.setter
    def probe_step(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def regularisation(self) -> float: ...
    @regularisation.setter
    def regularisation(
        self, arg0: typing.SupportsFloat | typing.SupportsIndex
    ) -> None: ...
    @property
    def seed(self) -> int: ...
    @seed.setter
    def seed(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def step(self) -> float: ...
    @step.setter
    def step(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def visit_decay(self) -> float: ...
    @visit_decay.setter
    def visit_decay(
        self, arg0: typing.SupportsFloat | typing.SupportsIndex
    ) -> None: ...

class SweepReport:
    """
    What a sweep found.
    """
    @property
    def frames(self) -> int: ...
    @property
    def misfit(self) -> float: ...
    @property
    def moved_rms_px(self) -> float: ...
    @property
    def rejected(self) -> int: ...

class Refiner:
    """
    Sequential rPIE sweeps; ptychoscope.refine.Refiner is its face.
    """
    def __init__(
        self,
        window: typing.SupportsInt | typing.SupportsIndex,
        height: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
        modes: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def add_counts(
        self, counts: typing.SupportsFloat | typing.SupportsIndex
    ) -> None: ...
    def add_frames(
        self,
        amplitudes: typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ) -> None: ...
    def blend(
        self,
        patches: typing.Annotated[numpy.typing.ArrayLike, numpy.complex64],
        first: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def grow(
        self,
        top: typing.SupportsInt | typing.SupportsIndex,
        left: typing.SupportsInt | typing.SupportsIndex,
        bottom: typing.SupportsInt | typing.SupportsIndex,
        right: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def keep_frames_in(
        self, folder: str, memory: typing.SupportsInt | typing.SupportsIndex = 0
    ) -> None: ...
    def object_region(
        self,
        row0: typing.SupportsInt | typing.SupportsIndex,
        row1: typing.SupportsInt | typing.SupportsIndex,
        column0: typing.SupportsInt | typing.SupportsIndex,
        column1: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[numpy.complex64]: ...
    def order(
        self,
        seed: typing.SupportsInt | typing.SupportsIndex,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
    ) -> list[int]: ...
    def predicted(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def r_factors(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def set_aside(
        self,
        frames: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        aside: bool,
    ) -> None: ...
    def set_background(
        self, background: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None
    ) -> None: ...
    def set_object(
        self, image: typing.Annotated[numpy.typing.ArrayLike, numpy.complex64]
    ) -> None: ...
    def set_positions(
        self, positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]
    ) -> None: ...
    def set_probe(
        self, probe: typing.Annotated[numpy.typing.ArrayLike, numpy.complex64]
    ) -> None: ...
    def states_from(
        self, first: typing.SupportsInt | typing.SupportsIndex
    ) -> numpy.typing.NDArray[numpy.uint8]: ...
    def sweep(
        self,
        options: SweepOptions,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
    ) -> SweepReport: ...
    @property
    def background(self) -> numpy.typing.NDArray[numpy.float32] | None: ...
    @property
    def coverage(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def frames(self) -> int: ...
    @property
    def growth_step(self) -> int: ...
    @property
    def misfits(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def object(self) -> numpy.typing.NDArray[numpy.complex64]: ...
    @property
    def pixel_sums(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def positions(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def probe(self) -> numpy.typing.NDArray[numpy.complex64]: ...
    @property
    def spread(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def states(self) -> numpy.typing.NDArray[numpy.uint8]: ...

def active_isa() -> str:
    """
    Instruction set that the kernels use now: the widest, or the one named by PTYCHOSCOPE_ISA.
    """

def available_isas() -> list[str]:
    """
    Instruction sets that this machine runs, widest last.
    """

def copy_bandwidth(
    device: typing.SupportsInt | typing.SupportsIndex,
    bytes: typing.SupportsInt | typing.SupportsIndex,
    rounds: typing.SupportsInt | typing.SupportsIndex,
) -> float:
    """
    Bytes per second that a device reads and writes while it copies its memory.
    """

def cuda_architectures() -> str:
    """
    What the CUDA kernels were compiled for; empty in a build without them.
    """

def cuda_devices() -> int:
    """
    CUDA devices that can be used now.
    """

def decode_chunks(
    chunks: list[typing.Any],
    codec: str,
    out: numpy.ndarray,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Decodes chunks (bytes), one for each entry along the first axis of `out`, into it.
    """

def fft2(
    windows: typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
    *,
    inverse: bool = False,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Orthonormal 2-D DFT of windows (n, 2, N, N) float32, real and imaginary planes, zero frequency at [0, 0].

    The result is transposed: forward takes [y, x] to [kx, ky], inverse takes [kx, ky] back to [y, x].
    Raises ValueError for sides that are not from 2 to 4096 with prime factors of at most 13.
    """

def look_into_dlpack(capsule: typing.Any) -> DlpackArray:
    """
    Valid as long as the capsule is held.
    """

def naive_stitch(
    patches: typing.Annotated[numpy.typing.ArrayLike, numpy.complex64],
    window: typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
    corners: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.complex64]:
    """
    Bilinear stitching as one writes it down: four additions per pixel, for comparison.
    """

def read_bandwidth(
    bytes: typing.SupportsInt | typing.SupportsIndex,
    repeats: typing.SupportsInt | typing.SupportsIndex,
) -> float:
    """
    Bytes per CPU second at which one thread reads memory.
    """

def solve_phases(
    first: numpy.ndarray,
    second: numpy.ndarray,
    values: str,
    positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    window: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None,
    per_quadrant: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.complex64]:
    """
    Unit numbers (n,) that bring patches to one phase where they overlap.
    """

HOST_DEVICE: int = -1
