"""What commands print: one JSON object, or a table."""

import math
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

import click
import msgspec

from ptychoscope.cli.click_helpers import option

json_option = option(
    "--json", "as_json", is_flag=True, about="Print one JSON object on stdout instead of tables."
)
"""Adds `--json`; the function gets `as_json`."""


def print_json(figures: Mapping[str, Any]) -> None:
    """One JSON object on stdout; numbers that are not finite become null."""
    text = msgspec.json.format(msgspec.json.encode(_finite(figures)), indent=2)
    click.echo(text.decode())


def print_table(title: str, rows: Iterable[tuple[str, ...]], columns: tuple[str, ...] = ()) -> None:
    """A table on stdout, one tuple per row; without `columns` it has no header."""
    click.secho(title, bold=True)
    for line in table_lines(list(rows), columns):
        click.echo(f"  {line}")


def table_lines(rows: list[tuple[str, ...]], columns: tuple[str, ...] = ()) -> list[str]:
    """The lines of a table; columns of figures are aligned at the right, a cell may have several lines."""
    body = [line for row in rows for line in zip_longest(*(cell.split("\n") for cell in row), fillvalue="")]
    cells = [columns, *body] if columns else body
    aligned = []
    for column in zip(*cells, strict=True):
        width = max(len(cell) for cell in column)
        figures = columns and not "".join(column[1:]).strip("0123456789.+- ")
        aligned.append([cell.rjust(width) if figures else cell.ljust(width) for cell in column])
    lines = ["  ".join(line).rstrip() for line in zip(*aligned, strict=True)]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]] if columns else lines


def number(value: float | None, digits: int = 3) -> str:
    """A figure for a table: `digits` decimals, a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def cells(row: Mapping[str, Any], texts: tuple[str, ...], digits: Mapping[str, int]) -> tuple[str, ...]:
    """Of one row of a table: what `texts` name as it is, then figures with so many decimals each."""
    return (*(str(row[key]) for key in texts), *(number(row[key], n) for key, n in digits.items()))


def event_line(event: dict[str, Any]) -> str:
    """What happened, as a line for people."""
    said = {name: value for name, value in event.items() if name != "event" and value not in (None, "")}
    return f"{event['event']}: " + ", ".join(f"{name} {value}" for name, value in said.items())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
