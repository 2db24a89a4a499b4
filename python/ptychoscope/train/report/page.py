"""The report's page: a template filled with text, tables and pictures, which stands alone."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from ptychoscope.scan import Scan
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.report.plots import History, Picture

_TEMPLATE = "report.html.jinja"
_PACKAGES = ("ptychoscope", "torch", "lightning", "numpy")


@dataclass(frozen=True)
class Section:
    """A heading, what is said under it, and its pictures."""

    title: str
    text: str
    pictures: Sequence[Picture]
    columns: int
    """Pictures in a row where the screen is wide."""


def render_page(
    *,
    scan_name: str,
    summary: Mapping[str, str],
    configuration: Mapping[str, str],
    sections: Sequence[Section],
) -> str:
    """The page as HTML; every text is escaped.

    Parameters
    ----------
    scan_name
        What the page is about; empty when the scan has no name.
    summary
        Names and values, in a table that is always shown.
    configuration
        Options and values, in a table that is opened when it is wanted.
    sections
        What follows, in its order.
    """
    source = files("ptychoscope.train.report").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(
        scan_name=scan_name, summary=summary, configuration=configuration, sections=sections
    )


def summary_rows(
    config: TrainConfig, scan: Scan, history: History, facts: Mapping[str, float | str]
) -> dict[str, str]:
    """What was trained, on what, and how it ended; `facts` as in `write_report`."""
    unmeasured = 0 if scan.bad_pixels is None else int(scan.bad_pixels.sum())
    skipped = int(history[-1].get("skipped_steps", 0)) if history else 0
    python = f"Python {platform.python_version()}"
    named = {"Scan": str(facts["scan_name"])} if "scan_name" in facts else {}
    return named | {
        "Frames of the first scan": f"{len(scan):,} of {scan.patch_px} x {scan.patch_px} px, "
        f"{unmeasured:,} pixels unmeasured",
        "Network": f"{config.network}, {config.loss} loss, seed {config.seed}",
        "Passes": str(facts.get("passes", 1)),
        "Ended by": str(facts.get("stopped_by", "not known")),
        "Steps": f"{facts.get('steps', 0):,}, {skipped:,} skipped since a gradient was not finite",
        "Time": f"{facts.get('seconds', 0):.0f} s, {facts.get('cpu_seconds', 0):.0f} s of CPU",
        "Held-back deviance": _held_back(history),
        "Versions": ", ".join([*(f"{name} {version(name)}" for name in _PACKAGES), python]),
    }


def _held_back(history: History) -> str:
    epochs = [(record["val_deviance"], record["epoch"]) for record in history if "val_deviance" in record]
    finite = [epoch for epoch in epochs if math.isfinite(epoch[0])]
    if not epochs:
        return "nothing was held back"
    if not finite:
        return "never finite"
    value, epoch = min(finite)
    return f"{value:.4g} at best (epoch {epoch:.0f}, the one that is kept), {epochs[-1][0]:.4g} at the end"


def configuration_rows(config: TrainConfig) -> dict[str, str]:
    """Every option in words, those of a nested group with its name before them."""
    flat: dict[str, str] = {}
    for name, value in config.to_dict().items():
        group = {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
        flat |= {key: "not set" if v is None else str(v) for key, v in group.items()}
    return flat
