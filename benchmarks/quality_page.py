"""Records of `quality.py` as docs/quality.md."""

from typing import Any

from quality_cells import MINUTES, grid, is_stale, of_record, ships

Record = dict[str, Any]

_TOP = """# Quality and cost

Made by `benchmarks/quality.py page` from [quality.json](quality.json), which holds a record of every training
that was run. Unit: CPU minutes of one thread (AMD EPYC, Zen 5, AVX-512 with bf16; the machine did other work
meanwhile), one seed: differences under .005 nrmse are noise. Every network was exported and run as
`ptychoscope run` runs it, in onnxruntime without torch. Scores are defined in [metrics](metrics.md); no phase
ramp is removed, and patches are as the network gives them, but for the columns called aligned, which are what
`ptychoscope run` does by default. Rate: frames of 64 x 64 per CPU second of one thread, from counts to the
image of the whole scan; for networks the median over all trainings of the same architecture.

`mix`: simulated, 1e6 photons, trained on 2304 frames, scored on 576 frames of an object never seen. `star`:
real frames of a Siemens star, trained on the left 60 %, scored by phase on the right 40 %. Its reference is
an iterative reconstruction, whose probe was found from all frames; the same solver on the unbinned
frames agrees with it to a phase SSIM of only .64, so small differences there mean little.

![Error after training; error against rate, whole scans and chunks; the star](quality.svg)

The grey line joins what nothing else beats in rate and quality together. Numbers without a unit are passes of
the projection, which is run by torch, and the solver is the C++ one.
"""

_SIMULATED = (
    "amplitude SSIM",
    "phase SSIM",
    "phase PSNR, dB",
    "nrmse",
    "nrmse aligned",
    "chunks of 24",
    "single",
)
_REAL = ("phase SSIM", "phase PSNR, dB", "phase SSIM aligned")


def page(records: list[Record]) -> str:
    """The page: what was run, methods without a network, networks as they ship, the grid."""
    rates = median_rates(records)
    parts = [_TOP, ran(records)]
    for data_set, title in (
        ("mix", "Simulated"),
        ("star", "Siemens star, real"),
        ("1e4", "Simulated, 1e4 photons"),
    ):
        here = [r for r in records if r["set"] == data_set]
        without = [r for r in here if not r["minutes"]]
        shipped = [r for r in here if r["minutes"] and ships(of_record(r))]
        rest = [r for r in here if r["minutes"] and not ships(of_record(r))]
        if without or shipped:
            parts.append(f"## {title}: defaults, the predecessor's recipe, and methods without a network")
            parts.append(table([*sorted(shipped, key=_order), *without], rates, data_set))
        if rest:
            parts.append(f"## {title}: every network, input, loss and head")
            equal = {r["minutes"] for r in rest}
            parts.append(
                table(
                    sorted([*(r for r in shipped if r["minutes"] in equal), *rest], key=_best),
                    rates,
                    data_set,
                )
            )
    return "\n\n".join(parts) + "\n"


def ran(records: list[Record]) -> str:
    """Which cells of the grid were run and which were not."""
    lines = ["## What was run", "", "| set | CPU minutes | run | of |", "|---|---|---|---|"]
    for data_set in ("mix", "star"):
        for minutes in MINUTES:
            cells = grid(data_set, minutes, shipped=False)
            done = [r for r in records if (r["set"], r["minutes"]) == (data_set, minutes)]
            lines.append(f"| {data_set} | {minutes:g} | {len(done)} | {len(cells)} |")
    more = "\n\n`python benchmarks/quality.py train --data DATA --records docs/quality.json` runs the rest."
    stale = [r for r in records if r["minutes"] and is_stale(r)]
    if stale:
        more += (
            f"\n\nThe {len(stale)} rows with a * were trained with defaults that have changed since "
            "(`config` in their record): compare inputs, losses and heads among these rows alone."
        )
    return "\n".join(lines) + more


def table(records: list[Record], rates: dict[str, float], data_set: str) -> str:
    """A row per record."""
    figures = _REAL if data_set == "star" else _SIMULATED
    head = ("network", "input", "loss", "head", "CPU min", *figures, "frames/s", "parameters")
    rows = [
        (*names(r), *scores(r, data_set), f"{rates[rate_key(r)]:,.0f}", f"{r['parameters']:,}")
        for r in records
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows))


def names(record: Record) -> tuple[str, ...]:
    """What was trained, and for how long."""
    if not record["minutes"]:
        return (record["network"], "", "", "", "-")
    recipe = ", predecessor's recipe" if record["recipe"] == "predecessor" else ""
    star = " *" if is_stale(record) else ""
    name = f"**{record['network']}**" if ships(of_record(record)) and not recipe else record["network"]
    inputs = record["input"], record["loss"], record["head"].replace("_", "/")
    return (name + recipe + star, *inputs, f"{record['minutes']:g}")


def scores(record: Record, data_set: str) -> list[str]:
    """The cells of `_REAL` or `_SIMULATED`."""
    found = record["scores"]
    whole, aligned = found["whole"], found.get("aligned")
    if data_set == "star":
        phase = (whole["phase_ssim"], aligned and aligned["phase_ssim"])
        return [_number(phase[0]), f"{whole['phase_psnr_db']:.1f}", _number(phase[1])]
    errors = [seen and seen["nrmse"] for seen in (whole, aligned, found.get("chunks"), found.get("single"))]
    similar = [_number(whole["amplitude_ssim"]), _number(whole["phase_ssim"])]
    return [*similar, f"{whole['phase_psnr_db']:.1f}", *(_number(value) for value in errors)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def rate_key(record: Record) -> str:
    """Records of the same architecture run at the same rate; without a network it depends on the scan."""
    if not record["minutes"]:
        return f"{record['network']} {record['set']}"
    return f"{record['network']} {record['input']} {record['head']}"


def median_rates(records: list[Record]) -> dict[str, float]:
    """Frames/s by `rate_key`."""
    found: dict[str, list[float]] = {}
    for record in records:
        found.setdefault(rate_key(record), []).append(record["frames_per_s"])
    return {key: sorted(values)[len(values) // 2] for key, values in found.items()}


def _order(record: Record) -> tuple[int, float]:
    return ("fast", "unrolled", "pinn_cnn").index(record["network"]), record["minutes"]


def _best(record: Record) -> float:
    return float(record["scores"]["whole"]["nrmse"])
