"""Records of `quality.py` as one SVG: quality against training time, and against the rate of the result."""

from statistics import fmean
from typing import Any

from quality_cells import is_stale, of_record, ships
from quality_inference import compared

from ptychoscope.train.report.plots import HEIGHT, WIDTH, Curve, plot

Record = dict[str, Any]
NETWORKS = {"fast": "fast", "unrolled": "unrolled", "pinn_cnn": "predecessor"}
SOLVERS = ("projection", "with momentum", "refine", "pty-chi")
_GAP = 20
_NOTHING = 0.1


def chart(records: list[Record]) -> str:
    """Four drawings, two a row: simulated above, real below."""
    rates = "frames/s of one thread, counts to image"
    drawings = [
        over_minutes(records, "mix", "nrmse", "Simulated: error after training"),
        over_rate(records, "mix", "whole", "nrmse", "Simulated, whole scan: error against rate", rates),
        over_rate(records, "mix", "chunks", "nrmse", "Simulated, chunks of 24 frames", rates),
        over_rate(records, "star", "whole", "phase_ssim", "Siemens star, without the predecessor", rates),
    ]
    width, height = 2 * WIDTH + _GAP, 2 * HEIGHT + _GAP
    parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" xmlns="http://www.w3.org/2000/svg">']
    parts.append(f'<rect width="{width}" height="{height}" fill="#fff"/>')
    for k, drawing in enumerate(drawings):
        row, column = divmod(k, 2)
        place = f'x="{column * (WIDTH + _GAP)}" y="{row * (HEIGHT + _GAP)}" height="{HEIGHT}"'
        parts.append(drawing.replace("<svg ", f"<svg {place} ", 1))
    return "\n".join([*parts, "</svg>", ""])


def over_minutes(records: list[Record], data_set: str, figure: str, title: str) -> str:
    """Networks as they ship, one curve each."""
    curves = []
    for family, name in NETWORKS.items():
        seen = sorted((r for r in shipping(records, data_set) if r["network"] == family), key=_minutes)
        values = [r["scores"]["whole"][figure] for r in seen]
        curves.append(Curve(name, [r["minutes"] for r in seen], values, marks=True))
    return plot(
        curves, title=title, x_label="CPU minutes of training", y_label=figure, log_x=True, log_y=True
    )


def over_rate(records: list[Record], data_set: str, mode: str, figure: str, title: str, x_label: str) -> str:
    """The rows of the table of inference: networks as they ship beside methods without one.

    What learnt nothing of the phase is left out, since the others would be drawn on top of each other.
    """
    rate = "chunk_frames_per_s" if mode == "chunks" else "frames_per_s"
    curves, points = {name: ([], [], []) for name in (*NETWORKS.values(), *SOLVERS)}, []
    for group in compared(records, data_set):
        x = fmean(r.get(rate, r["frames_per_s"]) for r in group)
        y = fmean(r["scores"].get(mode, r["scores"]["whole"])[figure] for r in group)
        if figure == "phase_ssim" and y < _NOTHING:
            continue
        points.append((x, y))
        for values, value in zip(curves[_family(group[0])], (x, y, _label(group[0])), strict=True):
            values.append(value)
    less = figure == "nrmse"
    drawn = [Curve(n, x, y, marks=True, line=False, labels=said) for n, (x, y, said) in curves.items()]
    drawn.append(front(points, less_is_better=less))
    return plot(drawn, title=title, x_label=x_label, y_label=figure.replace("_", " "), log_x=True, log_y=less)


def front(points: list[tuple[float, float]], *, less_is_better: bool) -> Curve:
    """The points that no other beats in rate and quality, joined."""
    sign = -1 if less_is_better else 1
    best = [p for p in points if not any(q[0] >= p[0] and sign * q[1] > sign * p[1] for q in points)]
    x, y = zip(*sorted(best), strict=True)
    return Curve("", x, y)


def shipping(records: list[Record], data_set: str) -> list[Record]:
    """Networks as they ship, and the predecessor's recipe; the first seed."""
    here = [r for r in records if r["set"] == data_set and r["seed"] == 0]
    return [r for r in here if r["minutes"] > 0 and ships(of_record(r))]


def _family(record: Record) -> str:
    name = record["network"].partition(",")[0]
    momentum = "with momentum" if "momentum" in record["network"] else name.removesuffix(" LSQML")
    return NETWORKS.get(name, momentum)


def _label(record: Record) -> str:
    """CPU seconds of training, projections after that, or passes, sweeps or epochs without one."""
    if "projections" in record:
        return f"+ {record['projections']}"
    if record["minutes"]:
        return f"{60 * record['minutes']:.0f} s" + (" *" if is_stale(record) else "")
    return record["network"].split(", ")[1].removesuffix(" passes").removesuffix(" epochs")


def _minutes(record: Record) -> float:
    return float(record["minutes"])
