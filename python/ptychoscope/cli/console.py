"""What commands print: one JSON object, a table, or a bar while they work."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of tables.")]


def print_json(figures: Mapping[str, Any]) -> None:
    """One JSON object on stdout; numbers that are not finite become null."""
    text = msgspec.json.format(msgspec.json.encode(_finite(figures)), indent=2)
    typer.echo(text.decode())


def print_table(title: str, rows: Iterable[tuple[str, ...]], columns: tuple[str, ...] = ()) -> None:
    """A table on stdout, one tuple per row; without `columns` it has no header."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", show_header=bool(columns))
    rows = list(rows)
    for index in range(len(columns) or max((len(row) for row in rows), default=1)):
        table.add_column(columns[index] if columns else "", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=False).print(table)


@contextmanager
def frames_bar(total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr that is told how many of `total` frames are done; None where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), "frames", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def number(value: float | None, digits: int = 3) -> str:
    """A figure for a table: `digits` decimals, a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
