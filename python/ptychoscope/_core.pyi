"""
Ptychoscope's compiled kernels
"""

from __future__ import annotations
import numpy
import numpy.typing
import typing

__all__: list[str] = ["AddReport", "Canvas", "active_isa", "available_isas", "fft2"]

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
        bound: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def add(
        self,
        first: numpy.ndarray,
        second: numpy.ndarray,
        values: str,
        positions: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ) -> AddReport: ...
    def coverage(
        self,
        arg0: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.float32]: ...
    def image(
        self,
        arg0: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.complex64]: ...
    def spread(
        self,
        arg0: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> numpy.typing.NDArray[numpy.float32]: ...

def active_isa() -> str:
    """
    Instruction set that the kernels use now: the widest, or the one named by PTYCHOSCOPE_ISA.
    """

def available_isas() -> list[str]:
    """
    Instruction sets that this machine runs, widest last.
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
