"""ModelSlot: the model that a pipeline uses now, which may be replaced while it runs."""

from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.cuda_runner import DeviceFront
from ptychoscope.inference.graph_runner import Front
from ptychoscope.inference.model import FrontKind, Model


class Running(NamedTuple):
    """A model made ready with its probe."""

    digest: str
    front: Front | DeviceFront


class ModelSlot:
    """Holds one model at a time. A batch is done by the model that is here once the batch was read."""

    def __init__(
        self,
        model: Model,
        *,
        probe: NDArray[Any] | None = None,
        front: FrontKind | Literal["device"] = "auto",
        projections: int = 0,
    ) -> None:
        self._probe, self._front, self._projections = probe, front, projections
        self._shapes = (model.pattern_px, model.patch_px)
        self._running = self._ready(model)

    @property
    def running(self) -> Running:
        """The model of the next batch."""
        return self._running

    def swap(self, model: Model) -> None:
        """Let all batches from now on be done by `model`; those under way are finished by the old one.

        Raises `BundleError` when it reads or makes patches of another size.
        """
        shapes = (model.pattern_px, model.patch_px)
        if shapes != self._shapes:
            raise BundleError(
                f"a running model of {self._shapes[0]} -> {self._shapes[1]} px cannot be replaced by one of "
                f"{shapes[0]} -> {shapes[1]} px: start a new run"
            )
        self._running = self._ready(model)  # one assignment: a reader sees the old model or the new one

    def _ready(self, model: Model) -> Running:
        probe = self._probe if model.takes_probe else None
        if self._front == "device":
            return Running(model.digest, model.device_front(probe))
        return Running(model.digest, model.front(probe, kind=self._front, projections=self._projections))
