"""What was measured: a JSON list, one record a line, replaced whole whenever one is added."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptychoscope.io.atomic import replacing

Record = dict[str, Any]


def read_records(path: Path) -> list[Record]:
    """All records; none where there is no file yet."""
    return json.loads(path.read_text()) if path.exists() else []


def find_record(records: list[Record], key: Record) -> Record | None:
    """The record whose fields are those of `key`."""
    return next((r for r in records if all(r.get(name) == value for name, value in key.items())), None)


def add_record(path: Path, key: Record, facts: Record) -> None:
    """Put a record in, in place of the one with the same key."""
    records = read_records(path)
    before = find_record(records, key)
    kept = [record for record in records if record is not before]
    _write(path, [*kept, {**key, **facts}])


def change_records(path: Path, change: Callable[[Record], Record]) -> None:
    """Put what `change` makes of it in the place of every record."""
    _write(path, [change(record) for record in read_records(path)])


def method_key(name: str, data_set: str) -> Record:
    """What the record of a method without training is found by."""
    return {"network": name, "set": data_set, "minutes": 0.0, "seed": 0}


def rate_key(record: Record) -> str:
    """Records of the same architecture run at the same rate; without a network it depends on the scan."""
    if not record["minutes"]:
        return f"{record['network']} {record['set']}"
    passes = f" {record['passes']} passes" if record.get("passes", 1) > 1 else ""
    return f"{record['network']} {record['input']} {record['head']}{passes}"


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
