"""The grid: every (network, input, loss, head) that makes sense, and recipes that differ from the default."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ptychoscope.train.config import TrainConfig
from ptychoscope.train.networks import build

INPUTS = {
    "fast": ("backprojection", "amplitude"),
    "unrolled": ("backprojection",),  # its passes read what the projection asks for, there is no other input
    "pinn_cnn": ("amplitude", "backprojection"),
}
LOSSES = ("poisson", "mae")
HEADS = ("real_imag", "amplitude_phase")
MINUTES = (1.0, 2.0, 5.0, 10.0)
_PATCH_PX = 64

RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "predecessor": {
        "optimizer": "adamw", "learning_rate": 1e-3, "schedule": "flat", "group_size": 4
    },
    "no average": {"ema": 0.0},
    "adamw": {"optimizer": "adamw"},
    "adamw, no average": {"optimizer": "adamw", "ema": 0.0},
}  # fmt: skip
"""What is trained otherwise than by default. `predecessor`: how PtychoPINN trains, AdamW at a flat rate and
groups of 2 x 2. `average`: of the weights (`ema`)."""
_OLDER = {"sparse": 0.0, "held_out_photons": 0.0, "select_passes": False}
"""What was done by trainings whose record does not name these options."""
OPTIMISERS = tuple(name for name in RECIPES if name != "predecessor")


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
        budget_s = round(60 * self.minutes, 1)
        return TrainConfig.from_dict(
            {**named, **RECIPES[self.recipe], "max_cpu_time_s": budget_s, "threads": 1}
        )

    @property
    def title(self) -> str:
        """A name for people and for folders."""
        return "-".join(str(v) if isinstance(v, str) else f"{v:g}" for v in asdict(self).values())


def cell_of_record(record: dict[str, Any]) -> Cell:
    """The cell that a record of a training belongs to."""
    return Cell(**{field.name: record[field.name] for field in fields(Cell)})


def cell_of_run(config: dict[str, Any], data_set: str) -> Cell:
    """The cell that a training by default belongs to which `ptychoscope bench quality` made."""
    minutes = float(f"{config['max_cpu_time_s'] / 60:.5g}")
    reads = config["input"] or INPUTS[config["network"]][0]
    return Cell(
        config["network"], reads, config["loss"], config["head"], data_set, minutes, seed=config["seed"]
    )


def is_shipped(cell: Cell) -> bool:
    """Whether the cell is a network as it ships, or the predecessor's recipe."""
    return cell.recipe == "predecessor" or (cell.recipe == "default" and _by_default(cell))


def _by_default(cell: Cell) -> bool:
    defaults = ("backprojection", "poisson", "real_imag")
    return cell.network != "pinn_cnn" and (cell.input, cell.loss, cell.head) == defaults


def is_stale(record: dict[str, Any]) -> bool:
    """Whether the defaults, or the network itself, are no longer those that the record was trained with."""
    cell = cell_of_record(record)
    if parameters(cell) != record["parameters"]:
        return True
    now, then = _as_trained(cell.config().to_dict(), cell), _as_trained(_OLDER | record["config"], cell)
    passes = {"select_passes"} if cell.network != "unrolled" else set()  # one pass: nothing to choose
    return any(then[name] != value for name, value in now.items() if name in then and name not in passes)


def parameters(cell: Cell) -> int:
    """Numbers that are trained in the cell's network."""
    return sum(p.numel() for p in build(cell.config(), _PATCH_PX).parameters())


def _as_trained(config: dict[str, Any], cell: Cell) -> dict[str, Any]:
    """A configuration with what the data of the cell's set decide, where it leaves that to them."""
    dim, unrolled = cell.set == "1e4", cell.network == "unrolled"
    decided = {
        "group_size": 32 if dim else 16,
        "held_out_photons": 0.15 if dim else 0.0,
        "sparse": 0.5 if unrolled and not dim else 0.0,
    }
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
    first = [cell for cell in cells if is_shipped(cell)]
    return first if shipped else first + [cell for cell in cells if not is_shipped(cell)]


def optimisers(data_set: str, minutes: float, *, seed: int = 0) -> list[Cell]:
    """Networks as they ship, with each optimiser, with and without the average of the weights."""
    return [
        replace(cell, recipe=recipe)
        for cell in grid(data_set, minutes, shipped=True, seed=seed)
        if cell.recipe == "default"
        for recipe in OPTIMISERS
    ]
