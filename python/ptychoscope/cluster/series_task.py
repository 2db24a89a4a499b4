"""One scan of a series, on whatever worker it comes to: the plan of `run`, and a row of the table."""

import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptychoscope.errors import ConfigError, OutputError, PtychoscopeError, ScanError, ScanWarning
from ptychoscope.io.provenance import file_digest, made_how

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model
    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan

COLUMNS = (
    *("scan", "state", "verdict", "misfit", "misfit_over_noise", "half_period_m", "half_period_px"),
    *("frames", "seconds", "model_sha256", "ptychoscope", "numpy", "onnxruntime", "host"),
    *("instruction_set", "result", "error_type", "error", "warnings"),
)
"""Of the table; a row leaves empty what is not known."""
Row = dict[str, Any]


class Series(NamedTuple):
    """What is the same for all scans of a series."""

    reading: Callable[[Path], "Scan"]
    """Opens a scan file."""
    options: dict[str, Any]
    """As `reconstruct` takes them; `threads` None: the worker's cores, divided by its tasks."""
    model: Path | None
    device: str
    record: dict[str, Any]
    """How the scans are read, for the results' provenance."""
    command_line: str | None
    asked: str
    """A digest of all that could change an image: options, companions and the model."""


class ScanTask(NamedTuple):
    """One scan, and where its result goes; full paths."""

    scan: Path
    output: Path
    picture: Path | None
    refused: str | None = None
    """Why it is not done, where that is known."""


def do_scan(task: ScanTask, series: Series, tasks: int) -> Row:
    """Make the result of a scan, unless it is there; its row of the table, also where it fails.

    `tasks` is how many the worker does at the same time, where it does not know.
    """
    from ptychoscope.cluster.connect import facts_here

    here = facts_here()
    row: Row = {
        "scan": task.scan.name,
        "host": here.host,
        "instruction_set": here.instruction_set,
        "result": task.output.name,
    }
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ScanWarning)
            if task.refused is not None:
                raise ConfigError(task.refused)
            _check_shared(task, here.host)
            digest = file_digest(task.scan)
            result = finished(task.output, digest, series.asked)
            state = "done" if result is None else "kept"
            if result is None:
                result = _made(task, series, digest, max(1, here.cores // tasks), here.instruction_set)
        own = [str(warning.message) for warning in said if issubclass(warning.category, ScanWarning)]
        row |= {"state": state, "seconds": round(time.perf_counter() - began, 3), **_figures(result)}
        return row | {"warnings": " | ".join(own)}
    except Exception as error:  # whatever a scan does, the others go on
        known = isinstance(error, PtychoscopeError)
        row |= {"state": "failed", "error_type": type(error).__name__, "result": ""}
        return row | {"error": str(error) if known else f"{error} (nobody foresaw it: try `run --debug`)"}


def finished(output: Path, digest: str, asked: str) -> "Reconstruction | None":
    """The whole result in `output`, where it was made of this scan file by what is `asked`; else None."""
    from ptychoscope.io import load_reconstruction

    if not output.exists():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScanWarning)  # one that was changed afterwards is made again
        try:
            result = load_reconstruction(output)
        except (PtychoscopeError, ScanWarning):
            return None
    record = result.provenance
    same = record.get("scan_sha256") == digest and record.get("series_asked") == asked
    return result if same and result.partial is None else None


def _check_shared(task: ScanTask, host: str) -> None:
    """Raise where this worker does not see what the client sees."""
    if not task.output.parent.is_dir():
        raise OutputError(
            f"the worker on {host} does not see the folder {task.output.parent}: scans and results must "
            "be in folders that all machines share under the same name"
        )
    if not task.scan.exists():
        raise ScanError(
            f"the worker on {host} sees no file {task.scan}: check the name, and that the folder is shared "
            "by all machines under the same name"
        )


def _made(task: ScanTask, series: Series, digest: str, threads: int, isa: str) -> "Reconstruction":
    from ptychoscope.io import save_reconstruction
    from ptychoscope.pipeline.reconstruct import reconstruct
    from ptychoscope.viz.overview import save_picture

    options = dict(series.options)
    threads = options["threads"] = options.get("threads") or threads
    scan = series.reading(task.scan)
    model = None
    if series.model is not None:
        model, options["workers"] = _model(series.model, series.device), threads
    result = reconstruct(scan, model, **options)
    record = {
        **made_how(series.command_line),
        "scan_file": task.scan.name,
        "scan_sha256": digest,
        **series.record,
        "series_asked": series.asked,
        "instruction_set": isa,
    }
    result = replace(result, provenance={**result.provenance, **record})
    if task.picture is not None:
        save_picture(result, task.picture)
    save_reconstruction(result, task.output)  # last: a result that is there is a scan that is finished
    return result


@lru_cache(maxsize=1)
def _model(bundle: Path, device: str) -> "Model":
    """Kept for the next scan: to open and verify a bundle can take longer than a small scan does."""
    from ptychoscope.inference.load import load_model

    return load_model(bundle, device, 1)


def _figures(result: "Reconstruction") -> Row:
    from ptychoscope.metrics.resolution import resolution

    verdict, record, found = result.verdict, result.provenance, resolution(result)
    row: Row = {"frames": len(result.positions_px)}
    for name in ("model_sha256", "ptychoscope", "numpy", "onnxruntime", "instruction_set"):
        if name in record:
            row[name] = record[name]
    if verdict is not None:
        row |= {
            "verdict": verdict.explained,
            "misfit": verdict.misfit,
            "misfit_over_noise": verdict.ratio,
        }
    if found is not None:
        unit = "px" if found.pixel_size_m is None else "m"
        row[f"half_period_{unit}"] = found.half_period(found.half_bit)
    return row


def asked_digest(**asked: Any) -> str:
    """Of all that was asked for, by name."""
    import hashlib

    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
