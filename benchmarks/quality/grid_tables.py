"""Tables of trainings: the grid, the optimisers, the star, and what was run."""

from quality.method_tables import compared_groups, markdown_table, method_title, short_number
from quality.records import Record
from quality.training_grid import MINUTES, OPTIMISERS, cell_of_record, grid, is_shipped, is_stale

_CELL = ("network", "input", "loss", "head", "recipe")
_SIMULATED = {"amplitude_ssim": ("amplitude SSIM", 3), "phase_ssim": ("phase SSIM", 3),
              "phase_psnr_db": ("phase PSNR, dB", 1)}  # fmt: skip
_REAL = {"phase_psnr_db": ("phase PSNR, dB", 1)}
OPTIMISED = 2.0
"""CPU minutes of the trainings that compare optimisers."""
_COMMAND = "PYTHONPATH=benchmarks python -m quality train --data DATA --records docs/quality.json"


def grid_table(records: list[Record], data_set: str) -> str:
    """A row per cell, the score after every budget, best first; other metrics after the longest."""
    metric, label = ("phase_ssim", "phase SSIM") if data_set == "star" else ("nrmse", "nrmse")
    further = _REAL if data_set == "star" else _SIMULATED
    cells: dict[tuple[str, ...], dict[float, Record]] = {}
    for record in _of_grid(records, data_set):
        cells.setdefault(tuple(record[name] for name in _CELL), {})[record["minutes"]] = record
    budgets = [m for m in MINUTES if any(m in trained for trained in cells.values())]
    head = ["network", "input", "loss", "head", *(f"{label}, {m:g} min" for m in budgets)]
    head += [text for text, _ in further.values()]
    head += ["frames/s", "parameters"] if data_set == "star" else ["24", "single", "frames/s", "parameters"]
    sign = -1 if data_set == "star" else 1
    ordered = sorted(
        cells.values(), key=lambda trained: sign * trained[min(trained)]["scores"]["whole"][metric]
    )
    rows = []
    for trained in ordered:
        last = trained[max(trained)]
        row = [*_names(last), *(_scored(trained.get(m), "whole", metric, 3) for m in budgets)]
        row += [_scored(last, "whole", key, digits) for key, (_, digits) in further.items()]
        if data_set != "star":
            row += [_scored(last, mode, "nrmse", 3, mark=False) for mode in ("chunks", "single")]
        rows.append([*row, f"{last['frames_per_s']:,.0f}", f"{last['parameters']:,}"])
    return markdown_table(head, rows)


def optimiser_table(records: list[Record]) -> str:
    """Muon against AdamW, the average of the weights against the last ones."""
    shown = {
        "unrolled": (("whole", "nrmse"), ("chunks", "nrmse"), ("single", "nrmse"), ("whole", "phase_ssim")),
        "fast": (("whole", "nrmse"), ("whole", "phase_ssim")),
    }
    titles = {"whole": "", "chunks": ", chunks of 24", "single": ", single frames"}
    head = ["optimiser", "weights kept"]
    head += [
        f"`{name}`: {metric.replace('_ssim', ' SSIM')}{titles[mode]}"
        for name, columns in shown.items()
        for mode, metric in columns
    ]
    rows = []
    for recipe in OPTIMISERS:
        trained = {r["network"]: r for r in _of_grid(records, "mix", (recipe,)) if _is_optimised(r)}
        adam, last = recipe.startswith("adamw"), recipe.endswith("no average")
        row = ["AdamW" if adam else "Muon", "the last" if last else "average"]
        row += [
            _scored(trained.get(name), *column, 3) for name, columns in shown.items() for column in columns
        ]
        rows.append(row)
    return markdown_table(head, rows)


def _is_optimised(record: Record) -> bool:
    cell = (record["input"], record["loss"], record["head"])
    return record["minutes"] == OPTIMISED and cell == ("backprojection", "poisson", "real_imag")


def star_table(records: list[Record]) -> str:
    """Phase on the right side of the star."""
    head = ["method", "training, CPU-s", "phase SSIM", "phase PSNR, dB", "FRC 1/2", "CPU-ms per frame"]
    shown = [group[0] for group in compared_groups(records, "star")]
    rows = [
        [
            _names(r)[0],
            f"{60 * r['minutes']:.0f}" if r["minutes"] else "-",
            _scored(r, "whole", "phase_ssim", 3),
            _scored(r, "whole", "phase_psnr_db", 1),
            _scored(r, "whole", "frc50", 2),
            short_number(1e3 / r["frames_per_s"], 2),
        ]
        for r in shown
    ]
    return markdown_table(head, rows)


def what_was_run(records: list[Record]) -> str:
    """Which cells of the grid were run and which were not."""
    counts = {
        (data_set, m): (len([r for r in _of_grid(records, data_set) if r["minutes"] == m]),
                        len(grid(data_set, m, shipped=False)))
        for data_set in ("mix", "star") for m in MINUTES
    }  # fmt: skip
    rows = [
        [data_set, *("{} of {}".format(*counts[data_set, m]) for m in MINUTES)]
        for data_set in ("mix", "star")
    ]
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    lines = [
        "## What was run",
        f"{total[0]} of {total[1]} cells of the grid:",
        markdown_table(["set", *(f"{m:g} min" for m in MINUTES)], rows),
        f"`{_COMMAND}` runs the rest.",
    ]
    stale = [r for r in records if r["minutes"] and is_stale(r)]
    if stale:
        lines[-1] += f"\nThe {len(stale)} trainings with a * had defaults that have changed since "
        lines[-1] += "(`config` in their record)."
    return "\n\n".join(lines)


def _names(record: Record) -> list[str]:
    """What was trained: network, input, loss, head; the network alone without a training."""
    if not record["minutes"]:
        return [record["network"], "", "", ""]
    recipe = ", predecessor's recipe" if record["recipe"] == "predecessor" else ""
    name = (
        f"**{method_title(record)}**"
        if is_shipped(cell_of_record(record)) and not recipe
        else method_title(record)
    )
    return [name + recipe, record["input"], record["loss"], record["head"].replace("_", "/")]


def _of_grid(
    records: list[Record], data_set: str, recipes: tuple[str, ...] = ("default", "predecessor")
) -> list[Record]:
    """Trainings with the grid's budgets and the first seed."""
    here = [r for r in records if r["set"] == data_set and r["seed"] == 0]
    return [r for r in here if r["minutes"] in MINUTES and r["recipe"] in recipes]


def _scored(record: Record | None, mode: str, metric: str, digits: int, *, mark: bool = True) -> str:
    """One number; with a star where the defaults have changed since."""
    if record is None or mode not in record["scores"]:
        return ""
    star = " *" if mark and record["minutes"] and is_stale(record) else ""
    return short_number(record["scores"][mode][metric], digits) + star
