"""Draw docs/stitching.svg from the JSON of `ptychoscope bench stitch --json`.

python benchmarks/stitch_chart.py docs/stitching.json docs/stitching.svg
"""

import json
import sys
from pathlib import Path

LEFT, BAR, GAP, SCALE = 225, 16, 8, 420
CANVAS, NARROW, PEER = "#2a6f97", "#89b6cf", "#9a9a9a"


def bars(figures: dict, side: int, n: int, canvas: int) -> list[tuple[str, float, str]]:
    """Name, patches/s and colour: every mode with AVX-512, the first with AVX2, then everybody else."""
    rows = [r for r in figures["rows"] if (r["patch_px"], r["n"], r["canvas_px"]) == (side, n, canvas)]
    modes = [r for r in rows if r["isa"] == "avx512" and r["baseline"] == "naive C++"]
    narrow = [r for r in rows if r["isa"] == "avx2"][:1]
    others = {r["baseline"]: r["baseline_patches_per_s"] for r in rows if r["isa"] == "avx512"}
    return [
        *((r["mode"], r["patches_per_s"], CANVAS) for r in modes),
        *((f"{r['mode']}, AVX2", r["patches_per_s"], NARROW) for r in narrow),
        *((name, others[name], PEER) for name in sorted(others, key=others.__getitem__, reverse=True)),
    ]


def chart(figures: dict, side: int = 64, n: int = 1000, canvas: int = 512) -> str:
    """Bars of patches/s; the dashed line is what memory allows for 8 bytes per pixel."""
    drawn = bars(figures, side, n, canvas)
    floor = figures["read_bytes_per_s"] / (8 * side * side)
    height = (BAR + GAP) * len(drawn) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + SCALE + 90}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="4" y="16">Patches/s, one thread, P = {side}, canvas {canvas}; '
        f"dashed: {floor:,.0f}, the speed of memory</text>",
    ]
    for k, (name, speed, colour) in enumerate(drawn):
        y, width = 30 + k * (BAR + GAP), SCALE * speed / floor
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{name}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 12}">{speed:,.0f}</text>')
    x = LEFT + SCALE
    parts.append(
        f'<line x1="{x}" y1="26" x2="{x}" y2="{height - 16}" stroke="#c1121f" stroke-dasharray="4 3"/>'
    )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(chart(json.loads(source.read_text())))
