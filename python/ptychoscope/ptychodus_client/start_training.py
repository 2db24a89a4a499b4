"""Training beside ptychodus: in a process of its own, so that neither torch nor a GPU comes into ptychodus'.

The process is asked by one JSON object on its standard input (`training_process.py`). What it says goes to a
log; its progress is read from the metrics that the training writes.
"""

import csv
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from ptychoscope.errors import TrainingError

_POLL_S = 1.0
"""Between looks at the progress: as long as ptychodus waits for a stop."""
_GRACE_S = 20.0
"""What an interrupted training may take to keep what it learned."""


def train_in_process(
    scans: Sequence[Path], config: dict[str, Any], run_dir: Path, bundle: Path
) -> Iterator[list[dict[str, float]]]:
    """Train on the scan files `scans`, and write `bundle` at the end.

    Yields the metrics so far about every second: records of `epoch`, `step`, and `train_loss` or
    `val_deviance`. When the generator is closed the training ends after its step and keeps what it learned in
    `run_dir`. Raises `TrainingError` with what the process said.
    """
    request = {"scans": [str(path) for path in scans], "config": config, "run_dir": str(run_dir)}
    with _process(request | {"bundle": str(bundle)}) as process:
        while process.poll() is None:
            yield read_metrics(run_dir / "logs" / "metrics.csv")
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
    yield read_metrics(run_dir / "logs" / "metrics.csv")


def export_checkpoint(checkpoint: Path, bundle: Path) -> None:
    """Write `bundle` from a checkpoint of ours; raises `TrainingError` with what the process said."""
    with _process({"checkpoint": str(checkpoint), "bundle": str(bundle)}) as process:
        process.wait()


@contextmanager
def _process(request: dict[str, Any]) -> Iterator["subprocess.Popen[bytes]"]:
    """The process at work on `request`, interrupted when the body ends before it.

    Raises `TrainingError` when it failed.
    """
    program = [sys.executable, "-m", "ptychoscope.ptychodus_client.training_process"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=said, stderr=said)
        try:
            if process.stdin is not None:
                with suppress(BrokenPipeError), process.stdin as stream:  # it ended at once, and says why
                    stream.write(msgspec.json.encode(request))
            yield process
        except BaseException:
            _interrupt(process)
            raise
        if process.wait():
            said.seek(0)
            raise TrainingError(_last_words(said.read().decode(errors="replace"), process.returncode))


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    """End `process`: kindly first."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(text: str, code: int) -> str:
    """The error in what the process said."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("Error: ", "Failure: "))]
    if errors:
        return errors[-1].partition(": ")[2]
    return f"the training ended with code {code}: {lines[-1] if lines else 'it said nothing'}"


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The records of a metrics.csv, numbers alone; none while there is no file."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    records = []
    for row in rows:
        record = {}
        for name, value in row.items():
            with suppress(TypeError, ValueError):  # empty: not measured in this row
                record[str(name)] = float(value)
        records.append(record)
    return records
