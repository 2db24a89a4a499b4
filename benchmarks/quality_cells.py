"""The grid: every (network, input, loss, head) that makes sense, and the recipe of the predecessor."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from ptychoscope.train.config import TrainConfig

INPUTS = {
    "fast": ("backprojection", "amplitude"),
    "unrolled": ("backprojection",),  # its passes read what the projection asks for, there is no other input
    "pinn_cnn": ("amplitude", "backprojection"),
}
LOSSES = ("poisson", "mae")
HEADS = ("real_imag", "amplitude_phase")
MINUTES = (1.0, 2.0, 5.0, 10.0)

PREDECESSOR: dict[str, Any] = {
    "optimizer": "adamw", "learning_rate": 1e-3, "schedule": "flat", "group_size": 4, "alone": 0.0
}  # fmt: skip
"""How PtychoPINN trains its network: AdamW at a flat rate, groups of 2 x 2."""


@dataclass(frozen=True)
class Cell:
    """One training of the grid; its fields are what a record is found by."""

    network: str
    input: str
    loss: str
    head: str
    set: str
    minutes: float
    recipe: str = "default"
    seed: int = 0

    def config(self) -> TrainConfig:
        """What is trained: the defaults but for what the cell names."""
        values = asdict(self)
        named = {key: values[key] for key in ("network", "input", "loss", "head", "seed")}
        further = PREDECESSOR if self.recipe == "predecessor" else {}
        return TrainConfig.from_dict({**named, **further, "max_cpu_time_s": 60 * self.minutes, "threads": 1})

    @property
    def title(self) -> str:
        """A name for people and for folders."""
        return "-".join(str(v) if isinstance(v, str) else f"{v:g}" for v in asdict(self).values())


def of_record(record: dict[str, Any]) -> Cell:
    """The cell that a record of a training belongs to."""
    return Cell(**{field.name: record[field.name] for field in fields(Cell)})


def ships(cell: Cell) -> bool:
    """Whether the cell is a network as it ships, or the predecessor's recipe."""
    defaults = ("backprojection", "poisson", "real_imag")
    return cell.recipe == "predecessor" or (
        cell.network != "pinn_cnn" and (cell.input, cell.loss, cell.head) == defaults
    )


_OLDER = {"sparse": 0.0, "judging": 0.0, "choose_passes": False}
"""What was done by trainings whose record does not name these options."""


def is_stale(record: dict[str, Any]) -> bool:
    """Whether the defaults are no longer those that the record was trained with."""
    cell = of_record(record)
    now, then = _settled(cell), _OLDER | record["config"]
    passes = {"choose_passes"} if cell.network != "unrolled" else set()  # one pass: nothing to choose
    return any(then[name] != value for name, value in now.items() if name in then and name not in passes)


def _settled(cell: Cell) -> dict[str, Any]:
    """The cell's configuration with what the data decide, on scans as bright as those of the grid."""
    config = cell.config().to_dict()
    decided = {"group_size": 16, "judging": 0.0, "sparse": 0.5 if cell.network == "unrolled" else 0.0}
    return config | {name: value for name, value in decided.items() if config[name] is None}


def grid(data_set: str, minutes: float, *, shipped: bool, seed: int = 0) -> list[Cell]:
    """The cells of one set and budget, those that ship first; nothing else with `shipped`."""
    cells = [
        Cell(network, reads, loss, head, data_set, minutes, seed=seed)
        for network, inputs in INPUTS.items()
        for reads in inputs
        for loss in LOSSES
        for head in HEADS
    ]
    recipe = ("pinn_cnn", "amplitude", "mae", "amplitude_phase")
    cells.append(Cell(*recipe, data_set, minutes, recipe="predecessor", seed=seed))
    first = [cell for cell in cells if ships(cell)]
    return first if shipped else first + [cell for cell in cells if not ships(cell)]
