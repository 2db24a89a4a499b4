"""Draw docs/stitching.svg from the JSON of `ptychoscope bench stitch --json`.

python benchmarks/stitch_chart.py docs/stitching.json docs/stitching.svg
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

COLOURS = {
    "this stitcher, AVX-512": "#2a6f97",
    "this stitcher, AVX2": "#89b6cf",
    "others": "#9a9a9a",
}
_OURS, _NARROW, _PEERS = COLOURS
_MEMORY_COLOUR = "#c1121f"


class Bar(NamedTuple):
    """One loop and its speed."""

    name: str
    patches_per_s: float
    group: str


def bars(measured: dict[str, Any], patch_px: int, n: int, canvas_px: int) -> list[Bar]:
    """Every mode with AVX-512, the first with AVX2, then all others, the fastest first."""
    size = (patch_px, n, canvas_px)
    rows = [row for row in measured["rows"] if (row["patch_px"], row["n"], row["canvas_px"]) == size]
    modes = [row for row in rows if row["isa"] == "avx512" and row["baseline"] == "naive C++"]
    narrow = [row for row in rows if row["isa"] == "avx2"][:1]
    peers = {row["baseline"]: row["baseline_patches_per_s"] for row in rows if row["isa"] == "avx512"}
    return [
        *(Bar(row["mode"], row["patches_per_s"], _OURS) for row in modes),
        *(Bar(f"{row['mode']}, AVX2", row["patches_per_s"], _NARROW) for row in narrow),
        *(Bar(name, peers[name], _PEERS) for name in sorted(peers, key=peers.__getitem__, reverse=True)),
    ]


def chart(measured: dict[str, Any], patch_px: int = 64, n: int = 1000, canvas_px: int = 512) -> Figure:
    """Bars of patches/s; the dashed line is what memory allows for 8 bytes per pixel."""
    shown = bars(measured, patch_px, n, canvas_px)
    memory = measured["read_bytes_per_s"] / (8 * patch_px**2)
    figure = Figure(figsize=(10.5, 0.31 * len(shown) + 1.2), dpi=72, layout="constrained")
    ax = figure.subplots()
    rows = range(len(shown))
    drawn = ax.barh(rows, [bar.patches_per_s for bar in shown], color=[COLOURS[bar.group] for bar in shown])
    ax.bar_label(drawn, [f"{bar.patches_per_s:,.0f}" for bar in shown], padding=5)
    line = ax.axvline(memory, color=_MEMORY_COLOUR, ls="--", label=f"speed of memory, {memory:,.0f}")
    ax.set_yticks(rows, [bar.name for bar in shown])
    ax.margins(y=0.01)
    ax.invert_yaxis()
    ax.set_title(f"Patches/s, one thread: {n} patches of {patch_px} px on a canvas of {canvas_px} px")
    ax.set_xlim(0, 1.12 * max(memory, *(bar.patches_per_s for bar in shown)))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    handles = [*(Patch(color=colour, label=group) for group, colour in COLOURS.items()), line]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "stitching"}):
        chart(json.loads(source.read_text())).savefig(target, format="svg", metadata={"Date": None})
