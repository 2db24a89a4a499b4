"""What a series leaves beside its results: a table, a contact sheet and a page with links."""

import csv
import html
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from ptychoscope.cluster.series_task import COLUMNS, Row
from ptychoscope.io.atomic import replacing
from ptychoscope.viz.panels import Panel, draw_panels
from ptychoscope.viz.save_sheet import save_sheet

_SHOWN = ("scan", "state", "verdict", "misfit", "frames", "seconds", "instruction_set", "error")
_SHEET = 240
"""Images on a contact sheet, at most."""
_STYLE = (
    "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{padding:.3em .8em;border-bottom:1px solid #ccc;text-align:left}"
    "tr.failed{background:#fbe3e0}img{max-width:100%}"
)


def write_table(rows: Sequence[Row], path: Path) -> None:
    """The rows as CSV, whole or not at all; raises `OutputError`."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_page(rows: Sequence[Row], path: Path, sheet: str | None) -> None:
    """The table as HTML, every scan with a link to its picture, or its result; raises `OutputError`."""
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _SHOWN)
    body = "\n".join(_table_row(row, path.parent) for row in rows)
    picture = "" if sheet is None else f'<p><img src="{quote(sheet)}" alt="phases of all results"></p>'
    done = sum(row["state"] != "failed" for row in rows)
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Series</title>'
            f"<style>{_STYLE}</style>"
            f"<h1>{done} of {len(rows)} scans reconstructed</h1>\n"
            f'<p><a href="series.csv">series.csv</a></p>\n'
            f"<table><tr>{head}</tr>\n{body}\n</table>{picture}</html>\n"
        )


def _table_row(row: Row, folder: Path) -> str:
    cells = []
    for name in _SHOWN:
        value = row.get(name, "")
        text = html.escape(f"{value:.4g}" if isinstance(value, float) else str(value))
        if name == "scan" and row.get("result"):
            picture = Path(row["result"]).with_suffix(".png")
            target = picture.name if (folder / picture).exists() else row["result"]
            text = f'<a href="{quote(target)}">{text}</a> (<a href="{quote(row["result"])}">result</a>)'
        cells.append(f"<td>{text}</td>")
    return f'<tr class="{row["state"]}">{"".join(cells)}</tr>'


def write_sheet(rows: Sequence[Row], path: Path) -> bool:
    """The phases of the results, the first ones of a long series; False where there is none."""
    from ptychoscope.io import load_reconstruction

    panels = []
    for row in [row for row in rows if row.get("result")][:_SHEET]:
        result = load_reconstruction(path.parent / row["result"])
        step = max(1, max(result.object.shape) // 200)
        phase, seen = result.phase_rad()[::step, ::step], result.coverage[::step, ::step] > 0
        reach = float(np.percentile(np.abs(phase[seen]), 99)) if seen.any() else 1.0
        word = row.get("verdict", "")
        panels.append(
            Panel(
                title=f"{row['scan']}: {word}",
                values=phase,
                low=-reach or -1.0,
                high=reach or 1.0,
                colormap="RdBu_r",
                seen=seen,
            )
        )
    if panels:
        save_sheet(draw_panels(panels, columns=6, panel_px=200, foot="Phase (rad)"), path)
    return bool(panels)
