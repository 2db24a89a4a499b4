"""Draw docs/stitching.svg from the JSON of `ptychoscope bench stitch --json`.

python benchmarks/stitch_chart.py docs/stitching.json docs/stitching.svg
"""

import json
import sys
from pathlib import Path

LEFT, BAR, GAP, SCALE = 190, 16, 8, 420


def chart(figures: dict, side: int = 64, canvas: int = 512) -> str:
    """Bars of patches/s, one mode after another; AVX-512 beside the naive loop."""
    rows = [
        r
        for r in figures["rows"]
        if (r["patch_px"], r["canvas_px"], r["isa"]) == (side, canvas, "avx512")
        and r["baseline"] == "naive C++"
    ]
    bars = [(r["mode"], r["patches_per_s"], "#2a6f97") for r in rows]
    bars.append(("naive C++ loop", rows[0]["baseline_patches_per_s"], "#9a9a9a"))
    floor = figures["read_bytes_per_s"] / (8 * side * side)
    height = (BAR + GAP) * len(bars) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + SCALE + 90}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<text x="4" y="16">Patches/s, P = {side}, canvas {canvas}; memory alone allows {floor:,.0f}</text>',
    ]
    for k, (name, speed, colour) in enumerate(bars):
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
