"""Options of a source, as its address brings them: names that must be known, text that must be a number."""

from collections.abc import Iterable
from typing import Any

from ptychoscope.errors import ConfigError


def check_names(options: Iterable[str], known: Iterable[str], of: str) -> None:
    """Raise `ConfigError` for the first of `options` that is none of the `known` ones `of` a source."""
    known = tuple(known)
    for name in options:
        if name not in known:
            raise ConfigError(f"unknown option {name!r} of {of}: {', '.join(known)} are known")


def whole_number(name: str, value: Any, least: int, most: int) -> int:
    """The whole number that option `name` must be; raises `ConfigError`."""
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} must be a whole number, got {value!r}") from error
    if not least <= number <= most:
        raise ConfigError(f"{name} must be from {least} to {most}, got {number}")
    return number


def any_number(name: str, value: Any) -> float:
    """The number that option `name` must be; raises `ConfigError`."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} must be a number, got {value!r}") from error


def number_between(name: str, value: Any, least: float, most: float) -> float:
    """The number that option `name` must be; raises `ConfigError`."""
    number = any_number(name, value)
    if not least <= number <= most:
        raise ConfigError(f"{name} must be from {least:g} to {most:g}, got {number:g}")
    return number
