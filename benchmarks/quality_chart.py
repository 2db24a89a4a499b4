"""Records of `quality.py` as one SVG: quality against training time, and against the rate of the result."""

from typing import Any

from quality_cells import is_stale, of_record, ships

from ptychoscope.train.plot import HEIGHT, WIDTH, Curve, plot

Record = dict[str, Any]
NETWORKS = {"fast": "fast", "unrolled": "unrolled", "pinn_cnn": "predecessor"}
SOLVERS = ("projection", "with momentum", "refine")
_GAP = 20


def chart(records: list[Record]) -> str:
    """Four drawings, two a row: simulated above, real below."""
    rates = "frames/s of one thread, counts to image"
    drawings = [
        over_minutes(records, "mix", "nrmse", "Simulated: error after training"),
        over_rate(records, "mix", "whole", "nrmse", "Simulated, whole scan: error against rate", rates),
        over_rate(records, "mix", "chunks", "nrmse", "Simulated, chunks of 24 frames", rates),
        over_rate(records, "star", "whole", "phase_ssim", "Siemens star, right side", rates),
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
    """Every network as it ships after its longest training, beside methods without a network."""
    chosen = [r for r in records if r["set"] == data_set and r["minutes"] == 0] + longest(records, data_set)
    points = [(r["frames_per_s"], r["scores"].get(mode, r["scores"]["whole"])[figure]) for r in chosen]
    curves = []
    for family in (*NETWORKS, *SOLVERS):
        here = [k for k, r in enumerate(chosen) if _family(r) == family]
        x, y = [points[k][0] for k in here], [points[k][1] for k in here]
        labels = [_label(chosen[k]) for k in here]
        curves.append(Curve(NETWORKS.get(family, family), x, y, marks=True, line=False, labels=labels))
    log = figure == "nrmse"
    curves.append(front(points, less_is_better=log))
    return plot(curves, title=title, x_label=x_label, y_label=figure.replace("_", " "), log_x=True, log_y=log)


def front(points: list[tuple[float, float]], *, less_is_better: bool) -> Curve:
    """The points that no other beats in rate and quality, joined."""
    sign = -1 if less_is_better else 1
    best = [p for p in points if not any(q[0] >= p[0] and sign * q[1] > sign * p[1] for q in points)]
    x, y = zip(*sorted(best), strict=True)
    return Curve("", x, y)


def shipping(records: list[Record], data_set: str) -> list[Record]:
    """Networks as they ship, and the predecessor's recipe."""
    return [r for r in records if r["set"] == data_set and r["minutes"] > 0 and ships(of_record(r))]


def longest(records: list[Record], data_set: str) -> list[Record]:
    """Of every network as it ships, the record with the largest budget."""
    best: dict[str, Record] = {}
    for record in sorted(shipping(records, data_set), key=_minutes):
        best[record["network"]] = record
    return list(best.values())


def _family(record: Record) -> str:
    name = record["network"].partition(",")[0]
    return "with momentum" if "momentum" in record["network"] else name


def _label(record: Record) -> str:
    """Minutes of training, or passes or sweeps without one."""
    if record["minutes"]:
        return f"{record['minutes']:g} min" + (" *" if is_stale(record) else "")
    return record["network"].split(", ")[1].removesuffix(" passes")


def _minutes(record: Record) -> float:
    return float(record["minutes"])
