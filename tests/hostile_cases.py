"""How a case of a malformed scan file is written down: what is in it, and what the error must say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from detector_files import counts, linked_master, mib_bytes, positions_csv

N = 4
Case = tuple[Callable[[Path], tuple[Path, dict[str, Any]]], str]
"""Writes files in a folder, gives the path and options; and a pattern of the error."""
CASES: dict[str, Case] = {}


def hdf5(said: str, **options: Any) -> Callable[..., Any]:
    """A case of a file that the decorated function fills; read by `patterns` and `positions` unless said."""

    def register(fill: Callable[[h5py.File, Path], None]) -> None:
        _fill_hdf5(fill.__name__, said, fill, options)

    return register


def external_link(name: str, said: str, to: str) -> None:
    """A case of a file whose patterns are a link to /p of another."""

    def fill(file: h5py.File, _: Path) -> None:
        file["p"] = h5py.ExternalLink(to, "/p")

    _fill_hdf5(f"external_{name}", said, fill, {})


def _fill_hdf5(
    name: str, said: str, fill: Callable[[h5py.File, Path], None], options: dict[str, Any]
) -> None:
    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        path = folder / "s.h5"
        with h5py.File(path, "w") as file:
            fill(file, folder)
        named = {"patterns": "/p", "positions": positions_csv(folder, N)} | options
        return path, {key: value for key, value in named.items() if value is not None}

    CASES[f"hdf5-{name}"] = write, said


def master(said: str) -> Callable[..., Any]:
    """A case of a master with linked files that the decorated function spoils."""

    def register(spoil: Callable[[h5py.File, Path], None]) -> None:
        def write(folder: Path) -> tuple[Path, dict[str, Any]]:
            path = linked_master(folder, counts(N), 2)
            with h5py.File(path, "r+") as file:
                spoil(file, folder)
            return path, {"positions": positions_csv(folder, N)}

        CASES[f"master-{spoil.__name__}"] = write, said

    return register


def content(name: str, said: str, data: Callable[[], bytes], **options: Any) -> None:
    """A case of a file of these bytes."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        (folder / "s.dat").write_bytes(data())
        return folder / "s.dat", {"positions": positions_csv(folder, N)} | options

    CASES[name] = write, said


def npz(name: str, said: str, /, **changes: Any) -> None:
    """A case of an .npz whose arrays are replaced, or left out where the change is None."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        arrays = {"counts": counts(N), "xcoords": np.arange(4.0), "ycoords": np.arange(4.0)} | changes
        np.savez(folder / "s.npz", **{key: value for key, value in arrays.items() if value is not None})
        return folder / "s.npz", {}

    CASES[f"npz-{name}"] = write, said


def table(name: str, said: str, text: str) -> None:
    """A case of a table of positions."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        (folder / "s.mib").write_bytes(mib_bytes(counts(N)))
        (folder / "p.csv").write_text(text)
        return folder / "s.mib", {"positions": str(folder / "p.csv")}

    CASES[f"csv-{name}"] = write, said
