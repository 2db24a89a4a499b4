"""What of a run goes over many workers: what has no order. The rest is an error."""

from typing import Any

from ptychoscope.errors import ConfigError

_ONLY = {
    "align": ("none", "fits a patch to those before it, or keeps all of them in one memory"),
    "accumulate": ("exact", "rounds sums in the order of the frames"),
    "stitch": ("host", "keeps the sums on one device"),
    "parallel": ("across", "gives a batch all cores"),
}


def options_over_workers(
    options: dict[str, Any], *, has_model: bool, parallel: str | None = None
) -> dict[str, Any]:
    """`options` of `reconstruct` with sums that have no order; raises `ConfigError` for what has one."""
    sweeps = [name for name in ("effort", "refine", "refine_window", "start") if options.get(name)]
    if not has_model or sweeps or options.get("refine") is None:
        raise ConfigError(
            "sweeps of the solver take frame after frame and do not go over workers: give --model and "
            "--refine 0 for the network's image alone (and sweep it afterwards on one machine: run SCAN "
            "--start RESULT), or leave --scheduler and --workers out"
        )
    for name, (fits, why) in _ONLY.items():
        asked = parallel if name == "parallel" else options.get(name)
        if asked not in (None, fits):
            raise ConfigError(
                f"--{name} {asked} {why}, and does not go over workers: --{name} {fits}, or leave it out"
            )
    if options.get("halves"):
        raise ConfigError("--halves makes two more images here, not on the workers: leave it out")
    return {**options, "align": "none", "accumulate": "exact"}
