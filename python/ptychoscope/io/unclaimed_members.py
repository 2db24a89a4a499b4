"""A word on what a file holds and no part of a scan is called, as a name that was spelt or copied wrongly."""

import difflib
import warnings
from collections.abc import Iterable, Mapping

from ptychoscope.errors import ScanWarning

_CLOSE = 0.75
_NAMED = 8


def say_unclaimed(
    present: Iterable[str], keys: Iterable[str], source: str, *, meant: Mapping[str, str] | None = None
) -> None:
    """Say with one `ScanWarning` which of the names `present` are none of `keys`, and what is close to them.

    `meant` says what other programs' names, in lower case, are called here.

    Names with an underscore before them are notes of whoever wrote the file, unless they are close to a key.
    """
    known = list(keys)
    said: list[str] = []
    for name in present:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, 1, _CLOSE)
        if meant and name.lower() in meant:
            said.insert(0, f"{name!r} (here it is called {meant[name.lower()]})")
        elif close:
            said.insert(0, f"{name!r} (close to {close[0]})")
        elif not name.startswith("_"):
            said.append(repr(name))
    if said:
        more = f" and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
        warnings.warn(
            f"{source} holds {', '.join(said[:_NAMED])}{more}, which no part of a scan is called: not read",
            ScanWarning,
            stacklevel=2,
        )
