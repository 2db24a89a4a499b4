"""Seeded damage to scan files of every reader, and what reading them comes to.

By hand: `python tests/mutated_scans.py 100000` prints the outcomes for every kind of file.
"""

import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

from detector_files import channel_master, counts, linked_master, mib_bytes, positions_csv, write_hdf5
from mutations import spoil
from ptychoscope.errors import PtychoscopeError, ScanWarning
from ptychoscope.io import load_scan, look_in_child, save_scan
from ptychoscope.scan import Scan

N = 5
_Files = tuple[Path, dict[str, Any], list[Path]]
"""What is read, the options, and the files that are damaged, one at a time."""


def _npz(folder: Path) -> _Files:
    rng = np.random.default_rng(1)
    path = folder / "s.npz"
    arrays = {"counts": counts(N), "xcoords": np.arange(5.0), "ycoords": np.arange(5.0) * 2}
    arrays |= {"xcoords_start": np.arange(5.0) + 0.5, "ycoords_start": np.arange(5.0) * 2 + 0.5}
    arrays |= {"probeGuess": rng.random((8, 8)) + 1j, "objectGuess": rng.random((20, 20)) + 1j}
    arrays |= {"bad_pixels": rng.random((8, 8)) < 0.1, "scan_index": np.zeros(5, int), "layout": "NHW"}
    arrays |= {"pixel_size_m": 1e-8, "photons": 2000.0, "orientation": '{"steps": []}'}
    (np.savez_compressed if folder.name.endswith("z") else np.savez)(path, **arrays)
    return path, {}, [path]


def _named(folder: Path) -> _Files:
    path = folder / "s.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("p", data=counts(N), chunks=(2, 8, 8), compression="gzip")
        file.create_dataset("y", data=np.arange(5.0))
        file["x"] = np.arange(5.0)
        file["soft"] = h5py.SoftLink("/p")
    return path, {"patterns": "/soft", "positions": "/y,/x"}, [path]


def _linked(folder: Path) -> _Files:
    path = linked_master(folder, counts(N), 3)
    return path, {"positions": positions_csv(folder, N)}, sorted(folder.glob("*.h5"))


def _channels(folder: Path) -> _Files:
    path = channel_master(folder, counts(N))
    return path, {"positions": positions_csv(folder, N)}, sorted(folder.glob("*.h5"))


def _mib(folder: Path) -> _Files:
    path = folder / "s.mib"
    path.write_bytes(mib_bytes(counts(N), size=96))
    return path, {"positions": positions_csv(folder, N)}, [path]


def _tiff(folder: Path) -> _Files:
    path = folder / "s.tif"
    how: dict[str, Any] = {"compression": "zlib"} if folder.name.endswith("z") else {}
    tifffile.imwrite(path, counts(N), photometric="minisblack", **how)
    return path, {"positions": positions_csv(folder, N)}, [path]


def _table(folder: Path) -> _Files:
    path, options, _ = _mib(folder)
    return path, options, [Path(options["positions"])]


def _scan() -> Scan:
    rng = np.random.default_rng(1)
    return Scan(
        counts(N).astype(np.float32),
        rng.uniform(4, 16, (N, 2)),
        "counts",
        probe=rng.random((2, 8, 8)) * 9 + 1j,
        object=rng.random((24, 24)) + 1j,
        bad_pixels=rng.random((8, 8)) < 0.1,
        pixel_size_m=_PIXEL_M,
    )


def _saved(ending: str) -> Callable[[Path], _Files]:
    def write(folder: Path) -> _Files:
        path = folder / f"s{ending}"
        save_scan(_scan(), path)
        return path, {}, [path]

    return write


def _hxn(folder: Path) -> _Files:
    content = {"diffamp": np.sqrt(counts(N).astype(np.float32)), "points": np.ones((2, N))}
    content |= {"ccd_pixel_um": 75.0, "lambda_nm": 0.15, "z_m": 2.0, "angle": 0.0}
    path = write_hdf5(folder / "scan_1.h5", content)
    return path, {}, [path]


def _product_parts() -> dict[str, Any]:
    scan = _scan()
    sides = {"pixel_width_m": _PIXEL_M, "pixel_height_m": _PIXEL_M}
    y, x = (scan.positions_px - 12).T * _PIXEL_M
    return {
        "object": (scan.object[None], sides | {"center_x_m": 0.0, "center_y_m": 0.0}),
        "probe": (scan.probe[None], sides),
        "probe_position_x_m": x,
        "probe_position_y_m": y,
    }


def _ptychovit(folder: Path) -> _Files:
    path = write_hdf5(folder / "s_dp.hdf5", {"dp": counts(N).astype(np.float32)})
    return path, {}, [path, write_hdf5(folder / "s_para.hdf5", _product_parts())]


def _assembled(folder: Path) -> _Files:
    pixel = {"detector_pixel_width_m": 7.5e-5, "detector_pixel_height_m": 7.5e-5}
    content = {"indexes": np.arange(N), "patterns": (counts(N), pixel), "bad_pixels": np.zeros((8, 8), bool)}
    path = write_hdf5(folder / "diffraction.h5", content)
    facts = {"photon_energy_eV": 8000.0, "detector_object_distance_m": 2.0, "name": "a"}
    parts = _product_parts() | {"probe_position_indexes": np.arange(N)}
    return path, {}, [path, write_hdf5(folder / "product.h5", parts, **facts)]


def _ptychonn(folder: Path) -> _Files:
    path = folder / "s.npz"
    np.savez(path, reciprocal=counts(N).astype(np.int32), position=np.ones((N, 2)) * 1e-7)
    return path, {"pixel_size_m": 1e-8}, [path]


def _npy(folder: Path) -> _Files:
    path = folder / "s.npy"
    np.save(path, counts(N))
    return path, {"positions": positions_csv(folder, N)}, [path]


_PIXEL_M = 1e-8
KINDS: dict[str, Callable[[Path], _Files]] = {
    "npz": _npz,
    "npz-z": _npz,
    "ptychonn": _ptychonn,
    "npy": _npy,
    "named": _named,
    "linked": _linked,
    "channels": _channels,
    "cxi": _saved(".cxi"),
    "nxcxi": _saved(".nxs"),
    "hxn": _hxn,
    "ptychovit": _ptychovit,
    "assembled": _assembled,
    "mib": _mib,
    "tiff": _tiff,
    "tiff-z": _tiff,
    "table": _table,
}
CHECKED = ("npz", "npz-z", "ptychonn")
"""What holds checksums."""


@dataclass
class Mutator:
    """Files of one kind in a folder, damaged and read one seed after the other."""

    kind: str
    folder: Path

    def __post_init__(self) -> None:
        home = self.folder / self.kind
        home.mkdir()
        self.path, self.options, self.targets = KINDS[self.kind](home)
        self.whole = {path: path.read_bytes() for path in self.targets}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScanWarning)
            self.reference = load_scan(self.path, **self.options)

    def outcome(self, seed: int) -> str:
        """The error's class, `same`, `said` (a word and another scan) or `other` (another without a word)."""
        rng = random.Random(f"{self.kind} {seed}")
        target = rng.choice(self.targets)
        target.write_bytes(spoil(self.whole[target], rng))
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                scan = load_scan(self.path, **self.options)
        except PtychoscopeError as error:
            return type(error).__name__
        finally:
            target.write_bytes(self.whole[target])
        if same(scan, self.reference):
            return "same"
        return "said" if any(issubclass(one.category, ScanWarning) for one in said) else "other"


def same(a: Scan, b: Scan) -> bool:
    """Whether two scans hold the same bits, whatever their records say."""
    for item in fields(Scan):
        left, right = getattr(a, item.name), getattr(b, item.name)
        if item.name == "orientation":
            left, right = left.get("steps"), right.get("steps")
        if isinstance(left, np.ndarray) != isinstance(right, np.ndarray):
            return False
        equal = np.array_equal(left, right) if isinstance(left, np.ndarray) else left == right
        if not equal:
            return False
    return True


def main() -> None:
    """Read so many damaged files of every kind."""
    total, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    kinds = sys.argv[3].split(",") if len(sys.argv) > 3 else list(KINDS)
    look_in_child.TIME_LIMIT_S = 5.0
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            mutator, start = Mutator(kind, Path(folder)), time.perf_counter()
            outcomes: Counter[str] = Counter()
            for seed in range(first, first + total // len(kinds)):
                Path(folder, "last").write_text(f"{kind} {seed}")
                try:
                    outcome = mutator.outcome(seed)
                    outcomes[outcome] += 1
                    if outcome == "other" and kind in CHECKED:
                        print(kind, seed, "is another scan without a word", flush=True)
                except Exception as error:  # what nobody should see
                    print(kind, seed, type(error).__name__, str(error)[:200], flush=True)
                    outcomes["foreign"] += 1
            print(kind, dict(outcomes), f"{time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
