"""What inference buys: networks beside methods without one, by CPU time per frame."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from ptychoscope.bench.quality import METRICS as COMMAND_METRICS
from quality.records import Record
from quality.training_grid import cell_of_record, is_shipped

Metric = Callable[[Record], float]

MODES = {
    "whole": "whole scan",
    "chunks": "24",
    "chunks of 48": "48",
    "chunks of 96": "96",
    "single": "single",
}
"""Frames that know each other, as the records and as the tables name them."""
METRICS = {
    **{name: COMMAND_METRICS[name] for name in ("amplitude_ssim", "phase_ssim")},
    "amplitude_psnr_db": ("amplitude PSNR, dB", 1),
    "phase_psnr_db": COMMAND_METRICS["phase_psnr_db"],
    "frc50": ("FRC 1/2", 2),
}
"""Of the whole scan; more is better. The nrmse, of which less is better, is shown for every mode."""
LONGEST = 4.0
"""CPU minutes of training of the networks that are compared, at most."""


def inference_table(records: list[Record], data_set: str) -> str:
    """Networks as they ship, the predecessor's recipe and methods without a network, a row each."""
    head = ["method", "training, CPU-s", "CPU-ms per frame, whole scan", "in chunks of 24"]
    head += [label for label, _ in METRICS.values()]
    head += [f"nrmse, {name}" for name in MODES.values()]
    return markdown_table(head, [_row(group) for group in compared_groups(records, data_set)])


def compared_groups(records: list[Record], data_set: str) -> list[list[Record]]:
    """Records that make a row each: those without a network, and the seeds of every network.

    Of a network's budgets up to `LONGEST` the one with the most seeds, then the longest.
    """
    here = [r for r in records if r["set"] == data_set]
    found = [[r] for r in here if not r["minutes"]]
    for network in ("fast", "unrolled", "pinn_cnn"):
        budgets: dict[float, list[Record]] = {}
        for record in here:
            trained = record["network"] == network and 0 < record["minutes"] <= LONGEST
            if trained and is_shipped(cell_of_record(record)):
                budgets.setdefault(record["minutes"], []).append(record)
        if budgets:
            group = max(budgets.items(), key=lambda item: (len(item[1]), item[0]))[1]
            found += [group, *_projected(group)]
    return found


def _projected(group: list[Record]) -> list[list[Record]]:
    """The same networks with projections after them, a group for every number."""
    numbers = sorted(set.intersection(*(set(r.get("projected", {})) for r in group)), key=int)
    return [[r | r["projected"][n] | {"projections": n} for r in group] for n in numbers]


def method_title(record: Record) -> str:
    """The network, and the projections after it; or the method without a network."""
    after = f", {record['projections']} projections" if "projections" in record else ""
    return str(record["network"]) + after


def verdicts(records: list[Record], data_set: str) -> list[str]:
    """What the table shows of networks against the predecessor's recipe, in words."""
    groups = {method_title(group[0]): group for group in compared_groups(records, data_set)}
    lines = []
    before = groups.get("pinn_cnn")
    for name in ("fast", "unrolled"):
        if before is not None and name in groups:
            worse = [label for label, is_better in _against(groups[name], before) if not is_better]
            where = "every score of the table" + (f" but {', '.join(worse)}" if worse else "")
            lines.append(f"`{name}` beats the predecessor's recipe in {where}.")
    return lines


def _against(group: list[Record], before: list[Record]) -> list[tuple[str, bool]]:
    """For every score, whether the first group is better."""
    pairs = [(label, _mean(group, _metric(name)) > _mean(before, _metric(name)))
             for name, (label, _) in METRICS.items()]  # fmt: skip
    errors = [(f"nrmse, {name}", _mean(group, _nrmse(mode)) < _mean(before, _nrmse(mode)))
              for mode, name in MODES.items()]  # fmt: skip
    return pairs + errors


def equal_cost_table(records: list[Record], data_set: str) -> str:
    """`unrolled` beside the best method without a network that takes no more CPU time per frame.

    With and without projections after it; nothing where there is no such network.
    """
    groups = compared_groups(records, data_set)
    networks = [group for group in groups if group[0]["network"] == "unrolled"]
    rows = []
    for mode, name in MODES.items():
        label = {"whole": "whole scan", "single": "single frames"}.get(mode, f"chunks of {name}")
        for network in networks:
            if math.isnan(_mean(network, _nrmse(mode))):
                continue
            rivals = [group for group in groups if _is_rival(group[0], network, mode)]
            best = min(rivals, key=lambda group: _nrmse(mode)(group[0]), default=None)
            own = [method_title(network[0]), _cell(network, _nrmse(mode), 3)]
            theirs = [_cell(best, _nrmse(mode), 3), best[0]["network"]] if best else ["", "none"]
            rows.append([label, *own, *theirs])
    head = ["frames that know each other", "network", "nrmse", "the best at no more CPU time", "which is"]
    return markdown_table(head, rows) if rows else ""


def _is_rival(record: Record, network: list[Record], mode: str) -> bool:
    affordable = _cpu_ms(mode)(record) <= _mean(network, _cpu_ms(mode))
    return not record["minutes"] and affordable and math.isfinite(_nrmse(mode)(record))


def _row(group: list[Record]) -> list[str]:
    record = group[0]
    minutes, title = record["minutes"], method_title(record)
    name = "predecessor's recipe (`pinn_cnn`)" if record["network"] == "pinn_cnn" else title
    seeds = f", {len(group)} seeds" if len(group) > 1 else ""
    row = [f"**{name}**{seeds}" if minutes else name, f"{60 * minutes:.0f}" if minutes else "-"]
    timed = "chunk_frames_per_s" in record or "chunks" not in record["scores"]
    row += [_cell(group, _cpu_ms("whole"), 2), _cell(group, _cpu_ms("chunks"), 2) if timed else ""]
    row += [_cell(group, _metric(key), digits) for key, (_, digits) in METRICS.items()]
    return row + [_cell(group, _nrmse(mode), 3) for mode in MODES]


def _metric(name: str) -> Metric:
    return lambda record: record["scores"]["whole"][name]


def _nrmse(mode: str) -> Metric:
    """Where no neighbours are merged, chunks make the same image; nan where it was not measured."""

    def nrmse(record: Record) -> float:
        scores = record["scores"]
        unmerged = "chunks" not in scores
        return scores["whole"]["nrmse"] if unmerged else scores.get(mode, {}).get("nrmse", math.nan)

    return nrmse


def _cpu_ms(mode: str) -> Metric:
    """CPU milliseconds per frame; in chunks of any size what it takes in chunks of 24."""
    whole = mode == "whole"
    return lambda r: 1e3 / (r["frames_per_s"] if whole else r.get("chunk_frames_per_s", r["frames_per_s"]))


def _mean(group: list[Record], metric: Metric) -> float:
    return fmean(map(metric, group))


def _cell(group: list[Record], metric: Metric, digits: int) -> str:
    """Mean over seeds, and their standard deviation where it can be seen."""
    text = short_number(_mean(group, metric), digits)
    if not text:
        return ""
    spread = round(stdev(map(metric, group)), digits) if len(group) > 1 else 0.0
    return f"{text} ± {short_number(spread, digits)}" if spread else text


def short_number(value: float, digits: int) -> str:
    """Without the zero before the point; nothing for nan."""
    if math.isnan(value):
        return ""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, a line a row."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))
