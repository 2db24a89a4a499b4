"""Quality against training time and against the rate of the result, as docs/quality.svg."""

from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from quality.method_tables import compared_groups
from quality.records import Record
from quality.training_grid import cell_of_record, is_shipped, is_stale

NETWORKS = {"fast": "fast", "unrolled": "unrolled", "pinn_cnn": "predecessor"}
COLOURS = {
    "fast": "#1f6f8b",
    "unrolled": "#c2571a",
    "predecessor": "#5b8c3a",
    "projection": "#7a4f9a",
    "with momentum": "#5a6270",
    "refine": "#b0892b",
    "pty-chi": "#c0396b",
}
_FRONT_COLOUR = "#b9bfc8"
_NOTHING = 0.1
"""Phase SSIM below which nothing was learnt of the phase."""
_MARKER_PX, _LABEL_PX, _FARTHEST_PX = 6, 9, 80
_DIRECTIONS = ((1, 0.7), (0, 1.6), (1, -0.7), (-1, 0.7), (0, -1.6), (-1, -0.7), (1, 0), (-1, 0))
"""In which a label may lie from its point, the best first."""


class Point(NamedTuple):
    """A row of the tables of inference."""

    frames_per_s: float
    metric: float
    family: str
    label: str


def chart(records: list[Record]) -> Figure:
    """Four drawings, two a row: error after training, error against rate; phase of the star."""
    figure = Figure(figsize=(13, 9.5), dpi=72, layout="constrained")
    (training, whole), (chunks, star) = figure.subplots(2, 2)
    _draw_training(training, records)
    drawn = {
        whole: rate_points(records, "mix", "whole", "nrmse"),
        chunks: rate_points(records, "mix", "chunks", "nrmse"),
        star: rate_points(records, "star", "whole", "phase_ssim"),
    }
    fronts = {ax: pareto_front(points, less_is_better=ax is not star) for ax, points in drawn.items()}
    for ax, points in drawn.items():
        _draw_rates(ax, points, fronts[ax], "phase SSIM" if ax is star else "nrmse")
    training.set_title("Simulated: error after training")
    whole.set_title("Simulated, whole scan: error against rate")
    chunks.set_title("Simulated, chunks of 24 frames: error against rate")
    star.set_title("Siemens star, without the predecessor: phase against rate")
    named = [Line2D([], [], color=ink, marker="o", ls="", label=name) for name, ink in COLOURS.items()]
    named.append(Line2D([], [], color=_FRONT_COLOUR, lw=2, label="nothing is both faster and better"))
    figure.legend(handles=named, loc="outside lower center", ncols=len(named), frameon=False)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # labels are placed for this layout
    for ax, points in drawn.items():
        _place_labels(ax, points, fronts[ax])
    return figure


def save_svg(figure: Figure, path: Path) -> None:
    """The same figure gives the same bytes; texts stay texts."""
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "quality"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def rate_points(records: list[Record], data_set: str, mode: str, metric: str) -> list[Point]:
    """The rows of the table of inference: networks as they ship beside methods without one.

    What learnt nothing of the phase is left out, since the others would be drawn on top of each other.
    """
    rate = "chunk_frames_per_s" if mode == "chunks" else "frames_per_s"
    points = []
    for group in compared_groups(records, data_set):
        frames_per_s = fmean(r.get(rate, r["frames_per_s"]) for r in group)
        value = fmean(r["scores"].get(mode, r["scores"]["whole"])[metric] for r in group)
        if metric != "phase_ssim" or value >= _NOTHING:
            points.append(Point(frames_per_s, value, _family(group[0]), _label(group[0])))
    return points


def pareto_front(points: list[Point], *, less_is_better: bool) -> list[Point]:
    """The points that no other beats in rate and quality, by rate."""
    sign = -1 if less_is_better else 1
    best = [
        p
        for p in points
        if not any(q.frames_per_s >= p.frames_per_s and sign * q.metric > sign * p.metric for q in points)
    ]
    return sorted(best)


def free_box(centre: tuple[float, float], size: tuple[float, float], taken: list[Bbox], inside: Bbox) -> Bbox:
    """The nearest box of `size` beside a point that lies `inside` and on nothing `taken`, all in pixels.

    The nearest one at all where none is free.
    """
    (x, y), (width, height) = centre, size
    boxes = [
        Bbox.from_bounds(x + dx * away + (dx - 1) * width / 2, y + dy * away - height / 2, width, height)
        for away in range(_MARKER_PX + 2, _FARTHEST_PX, 2)
        for dx, dy in _DIRECTIONS
    ]
    free = (
        box
        for box in boxes
        if inside.contains(*box.p0) and inside.contains(*box.p1) and not box.count_overlaps(taken)
    )
    return next(free, boxes[0])


def _draw_training(ax: Axes, records: list[Record]) -> None:
    """Networks as they ship and the predecessor's recipe, the first seed, a curve each."""
    here = [r for r in records if r["set"] == "mix" and r["seed"] == 0 and r["minutes"] > 0]
    for network, name in NETWORKS.items():
        shown = [r for r in here if r["network"] == network and is_shipped(cell_of_record(r))]
        curve = sorted((r["minutes"], r["scores"]["whole"]["nrmse"]) for r in shown)
        ax.plot(*zip(*curve, strict=True), "o-", color=COLOURS[name], ms=_MARKER_PX)
    _style(ax, "CPU minutes of training", "nrmse")


def _draw_rates(ax: Axes, points: list[Point], front: list[Point], name: str) -> None:
    ax.plot([p.frames_per_s for p in front], [p.metric for p in front], color=_FRONT_COLOUR, lw=2)
    colours = [COLOURS[p.family] for p in points]
    ax.scatter([p.frames_per_s for p in points], [p.metric for p in points], _MARKER_PX**2, colours, zorder=3)
    ax.margins(0.08, 0.12)
    _style(ax, "frames/s of one thread, counts to image", name)


def _style(ax: Axes, x_label: str, y_label: str) -> None:
    """Logarithmic axes, but for the phase SSIM, with 1, 2 and 5 times powers of ten beside them."""
    log_y = y_label == "nrmse"
    ax.set(xlabel=x_label, ylabel=y_label, xscale="log", yscale="log" if log_y else "linear")
    ax.grid(color="#e3e6ea")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    for axis in (ax.xaxis, ax.yaxis) if log_y else (ax.xaxis,):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _place_labels(ax: Axes, points: list[Point], front: list[Point]) -> None:
    """Every label beside its point, where it covers no other label, no point and not the front."""
    centres = ax.transData.transform([p[:2] for p in points])
    ends = ax.transData.transform([p[:2] for p in front])
    line = [start + part * (end - start) for start, end in pairwise(ends) for part in np.linspace(0, 1, 50)]
    taken = [Bbox.from_extents(*(at - _MARKER_PX), *(at + _MARKER_PX)) for at in centres]
    taken += [Bbox.from_extents(*(at - 1), *(at + 1)) for at in line]
    for point, centre in zip(points, centres, strict=True):
        style = {"fontsize": _LABEL_PX, "color": COLOURS[point.family]}
        text = ax.annotate(point.label, point[:2], (0, 0), textcoords="offset pixels", **style)
        box = free_box(centre, text.get_window_extent().size, taken, ax.get_window_extent())
        text.set_position(box.p0 - centre)
        taken.append(box)


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
