"""Public names of a package, imported when they are first used, so that importing it costs nothing."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Parameters
    ----------
    package
        Its `__name__`.
    home
        Module within `package` of every public name.

    Returns
    -------
    tuple
        The first imports a public name; the second lists them, loaded or not, and nothing that serves to
        load them.
    """

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    def listed() -> list[str]:
        own = vars(sys.modules[package])
        return sorted({*home, *(name for name in own if name.startswith("__"))})

    return load, listed
