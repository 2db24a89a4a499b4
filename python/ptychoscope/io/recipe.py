"""A recipe: a small TOML with options of reading, made for one scan of a session and used for all."""

import os
import tomllib
from pathlib import Path
from typing import Any, cast

import msgspec

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.atomic import replacing
from ptychoscope.io.limits import read_regular
from ptychoscope.io.read_options import ReadOptions

_LARGEST_BYTES = 1 << 20
_KEYS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("patterns", "positions", "channel", "layout", "domain", "match", "negative"), (str,)),
    **dict.fromkeys(("orientation", "frames", "center", "mask", "probe"), (str,)),
    **dict.fromkeys(
        ("pixel_size_m", "energy_ev", "distance_m", "detector_pixel_m", "max_counts"), (float, int)
    ),
    **dict.fromkeys(("crop", "bin"), (int,)),
    "scan_index": (int, str),
    "allow_outside": (bool,),
}


def with_recipe(options: ReadOptions, scan: Path) -> ReadOptions:
    """`options`, and where they are silent what their recipe says; raises `ConfigError`.

    Files that a recipe names are looked for beside the scan, and beside the recipe.
    """
    recipe = options.get("recipe")
    if recipe is None:
        return options
    said = read_recipe(Path(recipe))
    given = {name: value for name, value in options.items() if value is not None and name != "recipe"}
    if given.get("layout") == "auto":
        del given["layout"]
    return cast(ReadOptions, {**_as_options(said, scan, Path(recipe).parent), **given})


def read_recipe(path: Path) -> dict[str, Any]:
    """The options in a recipe by name; raises `ConfigError` naming what is wrong."""
    text = read_regular(path, _LARGEST_BYTES, ConfigError).decode(errors="replace")
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the recipe {path} is not TOML ({error})") from error
    for name, value in said.items():
        if name not in _KEYS:
            raise ConfigError(f"the recipe {path} has an unknown key {name!r}: use {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[name]) or (isinstance(value, bool) and bool not in _KEYS[name]):
            kind = _KEYS[name][0].__name__
            raise ConfigError(f"{name} in the recipe {path} must be a {kind}, got {value!r}")
    return said


def write_recipe(said: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write options as a recipe, whole or not at all; raises `ConfigError` for what a recipe cannot hold."""
    lines = []
    for name, value in said.items():
        if name not in _KEYS:
            raise ConfigError(f"a recipe cannot hold {name}")
        lines.append(f"{name} = {msgspec.json.encode(value).decode()}\n")
    with replacing(Path(path)) as partial:
        partial.write_text("".join(lines))


def _as_options(said: dict[str, Any], scan: Path, folder: Path) -> dict[str, Any]:
    """Options as `load_scan` takes them."""
    from ptychoscope.io.mask_and_probe_files import load_mask, load_probe
    from ptychoscope.preprocess.orientation import Orientation

    options = dict(said)
    if "orientation" in said:
        options["orientation"] = Orientation.parse(said["orientation"])
    if "mask" in said:
        options["mask"] = load_mask(_found_part(said["mask"], scan, folder))
    if said.get("probe", "none") != "none":
        options["probe"] = load_probe(_found_part(said["probe"], scan, folder))
    for name in ("patterns", "positions"):
        if name in said and not said[name].startswith("/"):
            options[name] = _found_part(said[name], scan, folder)
    return options


def _found_part(place: str, scan: Path, folder: Path) -> str:
    """`FILE` or `FILE:/path` with the file where it is; `/path` is one of the scan's file."""
    name, colon, inner = place.rpartition(":/")
    if not colon:
        return f"{scan}:{place}" if place.startswith("/") else str(_found(place, scan, folder))
    return f"{_found(name, scan, folder)}:/{inner}"


def _found(name: str, scan: Path, folder: Path) -> Path:
    """The file that a recipe calls `name`."""
    path = Path(name.replace("{stem}", scan.stem))
    for place in (scan.parent / path, folder / path):
        if place.exists():
            return place
    raise ScanError(f"the recipe names {path}, which is neither beside {scan} nor beside the recipe")
