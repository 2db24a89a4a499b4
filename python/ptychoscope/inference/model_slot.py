"""ModelSlot: the model that a pipeline uses now, which may be replaced while it runs."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.model import Model
from ptychoscope.inference.runner import Runner
from ptychoscope.option_literals import StitchOn


class LoadedModel(NamedTuple):
    """A model made ready with its probe."""

    digest: str
    runner: Runner


class ModelSlot:
    """Holds one model at a time. A batch is done by the model that is here once the batch was read.

    Parameters
    ----------
    probe
        (m, P, P) for models that take one; None for their own.
    stitch_on
        `device` leaves patches where the network computed them.
    projections
        Modulus projections after the passes, where neighbours are merged.
    """

    def __init__(
        self,
        model: Model,
        *,
        probe: NDArray[Any] | None = None,
        stitch_on: StitchOn = "host",
        projections: int = 0,
    ) -> None:
        self._probe, self._stitch_on, self._projections = probe, stitch_on, projections
        self._shapes = (model.pattern_px, model.patch_px)
        self._loaded = self._ready(model)

    @property
    def loaded(self) -> LoadedModel:
        """The model of the next batch."""
        return self._loaded

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
        self._loaded = self._ready(model)  # one assignment: a reader sees the old model or the new one

    def _ready(self, model: Model) -> LoadedModel:
        probe = self._probe if model.takes_probe else None
        if self._stitch_on == "device":
            return LoadedModel(model.digest, model.cuda_runner(probe))
        return LoadedModel(model.digest, model.runner(probe, projections=self._projections))
