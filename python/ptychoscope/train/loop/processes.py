"""The processes of a training: who started them, which one this is, and what they tell each other.

`torchrun` and `srun` start every process; otherwise the first one starts those of its machine. They are
started before anything is read, so that each reads its part alone. All that is exchanged are sums.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ptychoscope.errors import ConfigError, TrainingError
from ptychoscope.train.config import TrainConfig


class Launch(NamedTuple):
    """How the processes of a training come to be."""

    by: str
    """`torchrun`, `srun`, or `train` where the first process starts the others."""
    devices: int
    """Processes on each machine."""
    num_nodes: int
    """Machines."""
    rank: int
    """Number of this process, 0 for the one that writes."""

    @property
    def processes(self) -> int:
        """All of them."""
        return self.devices * self.num_nodes


def find_launch(config: TrainConfig) -> Launch:
    """Who starts the processes, by the environment.

    Raises `ConfigError` when `devices` or `num_nodes` say otherwise, or something is missing.
    """
    launch = _launched() or _own(config)
    for name in ("devices", "num_nodes"):
        asked, found = getattr(config, name), getattr(launch, name)
        if asked is not None and asked != found:
            option = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{name} is {asked}, but {launch.by} started {launch.devices} process(es) on each of "
                f"{launch.num_nodes} machine(s): leave {option} out"
            )
    return launch


def _launched() -> Launch | None:
    """What torchrun or srun say of this process; None where neither started it."""
    told = os.environ.get
    if "TORCHELASTIC_RUN_ID" in os.environ:
        here = int(told("LOCAL_WORLD_SIZE", "1"))
        return Launch("torchrun", here, int(told("WORLD_SIZE", "1")) // here, int(told("RANK", "0")))
    tasks = int(told("SLURM_STEP_NUM_TASKS", "1"))  # a batch script and a shell of salloc have one
    if tasks < 2:
        return None
    nodes = int(told("SLURM_STEP_NUM_NODES", "1"))
    if told("SLURM_NTASKS_PER_NODE") != str(tasks // nodes) or tasks % nodes:
        raise ConfigError(
            f"srun started {tasks} processes on {nodes} machine(s), and each must run as many: say "
            f"srun --nodes={nodes} --ntasks-per-node={max(tasks // nodes, 1)}"
        )
    return Launch("srun", tasks // nodes, nodes, int(told("SLURM_PROCID", "0")))


def _own(config: TrainConfig) -> Launch:
    devices, nodes = config.devices or 1, config.num_nodes or 1
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if name not in os.environ]
    if nodes > 1 and missing:
        raise ConfigError(
            f"num_nodes is {nodes}, but the environment does not say {', '.join(missing)}: start it with "
            f"torchrun or srun, or on every machine with MASTER_ADDR=(the first machine) MASTER_PORT=29500 "
            f"NODE_RANK=(0 to {nodes - 1})"
        )
    if devices * nodes == 1:
        return Launch("train", 1, 1, 0)
    told = os.environ.get
    rank = int(told("NODE_RANK", "0")) * devices + int(told("LOCAL_RANK", "0"))
    return Launch("train", devices, nodes, rank)


@dataclass(frozen=True)
class Processes:
    """This process among those of the training."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"
    """Where what is exchanged must lie: gloo takes host memory, nccl the GPU's."""

    @property
    def writes(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def summed(self, values: NDArray[Any]) -> NDArray[Any]:
        """The sum of what every process brings, elementwise; all wait for each other here."""
        if self.world == 1:
            return values
        total = torch.from_numpy(np.ascontiguousarray(values)).to(self.device, copy=True)
        torch.distributed.all_reduce(total)
        summed: NDArray[Any] = total.cpu().numpy()
        return summed

    @contextmanager
    def together(self) -> Iterator[None]:
        """Raise `TrainingError` where another process has ended meanwhile: it says itself why."""
        try:
            yield
        except RuntimeError as error:
            lost = isinstance(error, torch.distributed.DistError) or "gloo" in str(error)
            if self.world == 1 or not lost:
                raise
            raise TrainingError(
                f"one of {self.world} processes has ended, and says why; this is number {self.rank}; "
                "--resume goes on from the last whole epoch"
            ) from error

    def wait(self) -> None:
        """Until all others are here."""
        self.summed(np.zeros(1))

    def total(self, value: Tensor) -> Tensor:
        """`value` summed over the processes, as part of a loss; see `_Total`."""
        if self.world == 1:
            return value
        total: Tensor = _Total.apply(value, self.world)  # type: ignore[no-untyped-call]
        return total


class _Total(torch.autograd.Function):
    """The sum over all processes. A loss is the same on each of them, and so is its gradient by the sum.

    DDP takes the mean of the gradients where their sum is wanted: hence their number in `backward`.
    """

    @staticmethod
    def forward(context: Any, value: Tensor, world: int) -> Tensor:
        context.world = world
        total = value.detach().clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * context.world, None


def start_processes(launch: Launch, **device: Any) -> Processes:
    """Start the others where nobody did, and meet them; `device` is what `trainer_device` gives."""
    if launch.processes == 1:
        return Processes()
    from lightning.fabric import Fabric

    fabric = Fabric(**device, strategy="ddp", plugins=[cluster_environment(launch)])
    fabric.launch()
    atexit.register(_leave_others)
    return Processes(fabric.global_rank, fabric.world_size, str(fabric.device))


def _leave_others() -> None:
    """Threads of gloo that still run when the process ends would abort it; Lightning sees to nccl alone."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def cluster_environment(launch: Launch) -> Any:
    """Lightning's name for who started the processes: said, so that it does not guess."""
    if launch.by == "torchrun":
        from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

        return TorchElasticEnvironment()
    if launch.by == "srun":
        from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

        return SLURMEnvironment(auto_requeue=False)
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    return LightningEnvironment()
