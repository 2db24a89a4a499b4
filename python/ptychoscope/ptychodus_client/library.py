"""The library that ptychodus is handed, as one of the `algorithm_libraries` of its `ProcessingCore`."""

from collections.abc import Iterator
from typing import Any

from ptychodus.api.reconstruct import Reconstructor, ReconstructorLibrary

from ptychoscope.ptychodus_client.reconstructor import PtychoscopeReconstructor
from ptychoscope.ptychodus_client.settings import ClientSettings


class PtychoscopeLibrary(ReconstructorLibrary):
    """Two reconstructors, `Ptychoscope_Physics` and `Ptychoscope_Supervised`.

    They differ in what a network learns from: diffraction alone, or also the objects in the training data.
    While no model is open both are the solver.

    Parameters
    ----------
    settings_registry
        The `ptychodus.api.settings.SettingsRegistry` whose settings.ini holds the group `Ptychoscope`
        (`ClientSettings`); the defaults when None.
    """

    def __init__(self, settings_registry: Any = None) -> None:
        super().__init__("ptychoscope")
        self.settings = ClientSettings(settings_registry)
        self._reconstructors = [
            PtychoscopeReconstructor(name, self.settings, self.get_logger(), supervised=supervised)
            for name, supervised in (("Physics", False), ("Supervised", True))
        ]

    @property
    def name(self) -> str:
        """As ptychodus lists it."""
        return "Ptychoscope"

    def __iter__(self) -> Iterator[Reconstructor]:
        return iter(self._reconstructors)
