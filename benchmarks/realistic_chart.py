"""Draw docs/realistic.svg from the JSON of `ptychoscope bench refine --realistic --json`.

python benchmarks/realistic_chart.py docs/realistic.json docs/realistic.svg
"""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

OURS, PEERS = "#2a6f97", "#9a9a9a"
MARKERS = "os^Dvx"


def curves(rows: list[dict[str, Any]], wrong: str = "everything") -> dict[str, list[tuple[float, float]]]:
    """(CPU seconds, nrmse) of every solver on the scan where `wrong` is wrong, in the order of its rows."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["wrong"] == wrong:
            found.setdefault(row["solver"], []).append((row["cpu_s"], row["nrmse"]))
    return found


def chart(measured: dict[str, Any]) -> Figure:
    """Error against CPU time, both logarithmic; pty-chi's engines are grey."""
    figure = Figure(figsize=(7.5, 4.6), dpi=72, layout="constrained")
    ax = figure.subplots()
    for k, (name, points) in enumerate(curves(measured["realistic"]).items()):
        colour = PEERS if name.startswith("pty-chi") else OURS
        ax.plot(*zip(*points, strict=True), color=colour, marker=MARKERS[k % len(MARKERS)])
        ax.annotate(name, points[-1], xytext=(6, 3), textcoords="offset points", fontsize=9)
    ax.set(xscale="log", yscale="log", xlabel="CPU seconds, one thread", ylabel="nrmse")
    ax.set_title("Everything wrong at once: error against CPU time")
    ax.margins(x=0.28)
    ax.grid(visible=True, which="both", alpha=0.25)
    return figure


def main(measured: Path, out: Path) -> None:
    """Read, draw, write; the same JSON gives the same bytes."""
    with rc_context({"svg.hashsalt": "ptychoscope", "svg.fonttype": "none"}):
        chart(json.loads(measured.read_text())).savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
