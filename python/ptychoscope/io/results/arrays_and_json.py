"""A reconstruction as arrays by name and facts that JSON can hold, and back: what formats and pipes carry."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.io.child_answer import Arrays, Facts
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.verdict import Verdict

_VERDICT = "verdict_"
"""Before the names of a verdict's arrays."""


def to_fields(result: Reconstruction) -> tuple[Arrays, Facts]:
    """Every field of `result` that is there, as array or fact; the verdict's arrays are `verdict_NAME`."""
    arrays, facts = _split(result)
    if result.verdict is not None:
        inside, facts["verdict"] = _split(result.verdict)
        arrays |= {_VERDICT + name: array for name, array in inside.items()}
    return arrays, facts


def from_fields(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], label: str) -> Reconstruction:
    """The reconstruction of such arrays and facts; raises `ResultError`, whose messages name `label`."""
    known: dict[str, Any] = {"pixel_size_m": None, **facts}
    inside: dict[str, Any] = {}
    for name, array in arrays.items():
        (inside if name.startswith(_VERDICT) else known)[name.removeprefix(_VERDICT)] = array
    try:
        if known.get("verdict") is not None:
            known["verdict"] = Verdict(**inside, **known["verdict"])
        return Reconstruction(**known)
    except ResultError as error:
        raise ResultError(f"{label}: {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultError(f"{label} is no result of ours ({error}): write it again") from error


def _split(holder: Reconstruction | Verdict) -> tuple[Arrays, Facts]:
    values = {field.name: getattr(holder, field.name) for field in fields(holder)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    facts = {
        name: value
        for name, value in values.items()
        if name not in arrays and value is not None and not isinstance(value, Verdict)
    }
    return arrays, facts
