"""What ptychodus keeps of us in its settings.ini: one group, read anew at every run."""

import os
from typing import Any

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Effort, one_of

GROUP = "Ptychoscope"


class ClientSettings:
    """The group `Ptychoscope` of a `SettingsRegistry`; a registry of its own when None is given.

    Attributes
    ----------
    effort
        `fast`, `balanced` or `best`: how much the solver may spend where there is no network.
    sweeps
        Sweeps of the solver after the network; 0: the network alone.
    threads
        Of network, solver and stitcher; 0: all cores that the process may use.
    training_network, training_steps, training_seconds, training_device
        Name of the network, limits (0 seconds: none), and `cpu` or `cuda:N`.
    """

    def __init__(self, registry: Any = None) -> None:
        from ptychodus.api.settings import SettingsRegistry

        group = (SettingsRegistry() if registry is None else registry).create_group(GROUP)
        self.effort = group.create_string_parameter("Effort", "balanced")
        self.sweeps = group.create_integer_parameter("SweepsAfterNetwork", 0, minimum=0)
        self.threads = group.create_integer_parameter("Threads", 0, minimum=0)
        self.training_network = group.create_string_parameter("TrainingNetwork", "fast")
        self.training_steps = group.create_integer_parameter("TrainingSteps", 2000, minimum=1)
        self.training_seconds = group.create_real_parameter("TrainingSeconds", 0.0, minimum=0.0)
        self.training_device = group.create_string_parameter("TrainingDevice", "cpu")

    def number_of_threads(self) -> int:
        """`threads`, or the cores that this process may use."""
        return int(self.threads.get_value()) or len(os.sched_getaffinity(0))

    def run_options(self, *, network: bool) -> dict[str, Any]:
        """Options of `reconstruct`; raises `ConfigError` for a value that one cannot have."""
        options: dict[str, Any] = {"threads": self.number_of_threads()}
        if network:
            return options | {"refine": int(self.sweeps.get_value())}
        return options | {"effort": one_of(f"{GROUP}/Effort", self.effort.get_value(), Effort)}

    def training(self, *, supervised: bool) -> dict[str, Any]:
        """Options of `TrainConfig`."""
        seconds = float(self.training_seconds.get_value())
        device = str(self.training_device.get_value()).strip()
        if not device:
            raise ConfigError(f"{GROUP}/TrainingDevice is empty: write cpu or cuda:0")
        return {
            "network": str(self.training_network.get_value()),
            "max_steps": int(self.training_steps.get_value()),
            "max_time_s": seconds or None,
            "supervised": 1.0 if supervised else 0.0,
            "device": device,
            "threads": int(self.threads.get_value()) or None,
            "logger": "csv",
        }
