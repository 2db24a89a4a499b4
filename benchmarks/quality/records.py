"""Records of `quality.py`: a JSON list, one record a line, replaced whole whenever one is added."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptychoscope.io.atomic import replacing

Record = dict[str, Any]


def read(path: Path) -> list[Record]:
    """All records; none where there is no file yet."""
    return json.loads(path.read_text()) if path.exists() else []


def find(records: list[Record], key: Record) -> Record | None:
    """The record whose fields are those of `key`."""
    return next((r for r in records if all(r.get(name) == value for name, value in key.items())), None)


def add(path: Path, key: Record, facts: Record) -> None:
    """Put a record in, in place of the one with the same key."""
    records = read(path)
    before = find(records, key)
    kept = [record for record in records if record is not before]
    _write(path, [*kept, {**key, **facts}])


def rewrite(path: Path, change: Callable[[Record], Record]) -> None:
    """Put what `change` makes of it in the place of every record."""
    _write(path, [change(record) for record in read(path)])


def _write(path: Path, records: list[Record]) -> None:
    lines = [json.dumps(_rounded(record)) for record in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def _rounded(value: Any) -> Any:
    """Five significant digits: more would be noise."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value
