"""The NPZ that ptychodus 1.7 writes for PtychoPINN: the contract's names with another meaning.

`diff3d` holds counts, not amplitude; `bad_pixels` beside it is the mark of this writer, and those were filled
by their neighbours. Positions count pixels of the object's array, of patches centred at (P - 1) / 2.
"""

from dataclasses import replace
from pathlib import Path

from ptychoscope.io import npz
from ptychoscope.io.npy import read_members
from ptychoscope.io.probe_modes_and_scale import incoherent_modes
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.patch_geometry import from_middle_of_patch

NAME = "ptychodus' NPZ for PtychoPINN"


def matches_members(names: set[str]) -> bool:
    """Whether an .npz has the mark; one of ours says its domain."""
    return {"diff3d", "bad_pixels"} <= names and "domain" not in names


def read_archive(path: Path, options: ReadOptions) -> StoredScan:
    """What such an .npz holds; raises `ScanError` naming what it must be."""
    held = read_members(path, npz.KEYS)
    counts = held.pop("diff3d")
    stored = npz.from_mapping(held | {"counts": counts, "layout": "NHW"}, str(path), options)
    side = stored.patterns.shape[-1]  # type: ignore[union-attr]
    record = {"format": NAME}
    probe = None if stored.probe is None else incoherent_modes(stored.probe, record)
    nominal = stored.nominal_positions
    return replace(
        stored,
        positions=from_middle_of_patch(stored.positions, side),  # type: ignore[arg-type]
        nominal_positions=None if nominal is None else from_middle_of_patch(nominal, side),
        probe=probe,
        probe_scale_open=probe is not None,
        record=record,
    )
