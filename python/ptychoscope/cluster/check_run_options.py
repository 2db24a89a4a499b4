"""What of a run goes over many workers: sums without an order, sweeps by regions. The rest is an error."""

from typing import Any

from ptychoscope.errors import ConfigError

_ONLY = {
    "align": ("none", "fits a patch to those before it, or keeps all of them in one memory"),
    "accumulate": ("exact", "rounds sums in the order of the frames"),
    "stitch": ("host", "keeps the sums on one device"),
    "parallel": ("across", "gives a batch all cores"),
}
_WHOLE = {
    "effort": "lets the solver choose by all frames",
    "modes": "goes with a solver that chooses by all frames",
    "refine_window": "takes frames in the order in which they came",
    "refine_positions": "moves frames against the mean of all",
}
_CURE = (
    "give --refine N for N sweeps (0: the network's image alone), and mend the result on one machine "
    "(run SCAN --start RESULT); or leave --scheduler and --workers out"
)


def options_over_workers(
    options: dict[str, Any],
    *,
    has_model: bool,
    parallel: str | None = None,
    region_frames: int | None = None,
) -> dict[str, Any]:
    """`options` of `reconstruct` with sums that have no order; raises `ConfigError` for what has one."""
    sweeps = options.get("refine")
    for name, why in _WHOLE.items():
        if options.get(name) not in (None, "keep"):
            flag = f"--{name} {options[name]}".replace("_", "-")
            raise ConfigError(f"{flag} {why}, and does not go over workers: {_CURE}")
    if sweeps is None:
        raise ConfigError(
            f"what a solver that chooses does depends on all frames, and does not go over workers: {_CURE}"
        )
    if region_frames is not None and not sweeps:
        raise ConfigError("--region-frames belongs to sweeps, and there are none: add --refine N")
    if options.get("halves"):
        raise ConfigError("--halves makes two more images here, not on the workers: leave it out")
    if not has_model:
        return options
    for name, (fits, why) in _ONLY.items():
        asked = parallel if name == "parallel" else options.get(name)
        if asked not in (None, fits):
            raise ConfigError(
                f"--{name} {asked} {why}, and does not go over workers: --{name} {fits}, or leave it out"
            )
    return {**options, "align": "none", "accumulate": "exact"}
