"""CXI from 1.5 on, and NXcxi_ptycho (NXptycho), which is CXI with NeXus classes: the same names, one reader.

Patterns are `entry_1/data_1/data` (n, H, W) or a raster (ny, nx, H, W), intensity. `translation` (n, 3) is
the move of the *sample* along x, y, z in metres, in CXI's frame: z along the beam, y up, x to the left
when looking along the beam. The detector's rows and columns have directions too, `basis_vectors` (3, 2)
with the columns (slow, fast); without them rows go down (-y) and columns to the right (-x). The beam moves
over the sample against the sample's translation, so a position is -(translation . direction) along rows
and columns: with the usual directions just (y, x) of the translation, which is also how ptychodus reads
it. (CXI file format 1.6; the same signs are in CDTools.)

Energy is in joules (CXI) or in what `units` says (NeXus); of a NeXus file `source_1/energy` is that of the
storage ring. The mask's bit 0x1000, `has signal`, is no fault. The probe's scale is left open by the
format, and is taken from the counts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.hdf5_patterns import Hdf5Patterns
from ptychoscope.io.linked_hdf5 import ScanHdf5
from ptychoscope.io.near_field_warning import warn_of_near_field
from ptychoscope.io.probe_modes_and_scale import incoherent_modes
from ptychoscope.io.ptychodus_product import positions_on_object
from ptychoscope.io.ptychoscope_group import GROUP, is_ours, with_extras
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.io.units import METRES, length_m, photon_energy_ev, unit_of
from ptychoscope.lazy_patterns import LazyPatterns

NAME = "CXI"
ENTRY = "/entry_1"
_DETECTOR = f"{ENTRY}/instrument_1/detector_1"
_PATTERNS = (f"{ENTRY}/data_1/data", f"{_DETECTOR}/data")
_DEFINITIONS = ("NXptycho", "NXcxi_ptycho")
_HAS_SIGNAL = 0x1000
_DOWN_AND_RIGHT = np.array([[0.0, -1.0], [-1.0, 0.0], [0.0, 0.0]])
_NO_PATTERNS = (
    "has no patterns: it is read with the scan that it belongs to, by --positions {path} --probe-file "
    "{path}; or --patterns FILE (FILE:/path) names what holds them"
)


def matches(file: ScanHdf5) -> bool:
    """Whether `file` has CXI's version and entry, or is NXcxi_ptycho."""
    if not file.children(ENTRY):
        return False
    return file.find("/cxi_version") is not None or file.text(f"{ENTRY}/definition") in _DEFINITIONS


def read(file: ScanHdf5, options: ReadOptions) -> StoredScan:
    """What a CXI or NXcxi_ptycho file holds; raises `ScanError` naming what it must be."""
    record: dict[str, Any] = {"format": NAME}
    stored = StoredScan(
        source=str(file.path),
        domain="counts",
        distance_m=length_m(file, f"{_DETECTOR}/distance"),
        detector_pixel_m=_detector_pixel(file),
        bad_pixels=_mask(file),
        record=record,
        without_patterns=_NO_PATTERNS.format(path=file.path),
    )
    if options.get("energy_ev") is None and options.get("pixel_size_m") is None:
        stored.energy_ev = _energy(file)
    name = _first(file, *_PATTERNS)
    if name is not None and (found := file.dataset(name)) is not None:
        stored.patterns, stored.patterns_name = LazyPatterns(Hdf5Patterns(file, found)), name
    _add_positions(stored, file)
    own = is_ours(file)
    _add_images(stored, file, own=own)
    if own:
        return with_extras(stored, file)
    texts = (file.text(f"{ENTRY}/{name}") for name in ("title", "experiment_description"))
    warn_of_near_field(stored, told_by=" ".join(text for text in texts if text) or None)
    return stored


def _first(file: ScanHdf5, *names: str) -> str | None:
    """The first of `names` that the file has."""
    return next((name for name in names if file.find(name) is not None), None)


def _energy(file: ScanHdf5) -> float | None:
    """Of the photons: of the beam where the file has one, else of the source, as CXI has it."""
    instrument = f"{ENTRY}/instrument_1"
    names = ("beam_1/energy", "beam_1/incident_beam_energy", "beam_1/incident_energy", "source_1/energy")
    for name in names:
        energy = photon_energy_ev(file, f"{instrument}/{name}")
        if energy is not None:
            return energy
    return None


def _detector_pixel(file: ScanHdf5) -> float | None:
    """Side of a detector's pixel; raises `ScanError` when they are not square."""
    sides = [length_m(file, f"{_DETECTOR}/{axis}_pixel_size") for axis in "xy"]
    known = [side for side in sides if side is not None]
    if len(known) == 2 and abs(known[0] - known[1]) > 1e-3 * known[0]:
        raise ScanError(
            f"{file.path} has detector pixels of {known[0]:g} m x {known[1]:g} m, and only square ones are "
            "read: bin the longer side's neighbours together first"
        )
    return known[0] if known else None


def _mask(file: ScanHdf5) -> NDArray[np.bool_] | None:
    """(H, W), true where a bit says that a pixel is bad."""
    mask = file.array(f"{_DETECTOR}/mask")
    if mask is None:
        mask = file.array(f"{_DETECTOR}/pixel_mask")
    if mask is None:
        return None
    if mask.dtype.kind not in "bui" or mask.ndim not in (2, 3):
        raise ScanError(
            f"{_DETECTOR}/mask in {file.path} must be (H, W) of bits, got {mask.shape} {mask.dtype}: "
            "--mask FILE gives another"
        )
    bad: NDArray[np.bool_] = (mask.astype(np.int64) & ~_HAS_SIGNAL) != 0
    return np.asarray(bad.any(axis=0)) if bad.ndim == 3 else bad


def _add_positions(stored: StoredScan, file: ScanHdf5) -> None:
    places = (f"{ENTRY}/sample_1/geometry_1", f"{ENTRY}/data_1", _DETECTOR)
    name = _first(file, *(f"{place}/translation" for place in places))
    moves = _motors(file) if name is None else _translation(file, name)
    if moves is None:
        return
    directions = _directions(file)
    stored.positions = -(moves @ directions)
    stored.positions_unit = "m"
    stored.record["positions"] = {
        "from": name or f"{ENTRY}/sample_1/transformations",
        "is": "translation of the sample, x left, y up, z along the beam",
        "rows_and_columns_along": directions.T.tolist(),
    }
    numbers = file.array(f"{ENTRY}/ptychodus/probe_position_indexes")
    if numbers is not None and numbers.shape == (len(moves),) and numbers.dtype.kind in "ui":
        stored.pattern_numbers = numbers.astype(np.int64)


def _translation(file: ScanHdf5, name: str) -> NDArray[np.float64]:
    """(n, 3) in metres; also what was stored as (3, n) or without z."""
    values = file.array(name)
    if values is None or values.ndim != 2 or values.dtype.kind not in "uif":
        shape = None if values is None else values.shape
        raise ScanError(f"{name} in {file.path} must be (n, 3) metres, got {shape}: --positions says others")
    if values.shape[1] not in (2, 3) and values.shape[0] in (2, 3):
        values = values.T
    if values.shape[1] not in (2, 3):
        raise ScanError(
            f"{name} in {file.path} must be (n, 3) metres, got {values.shape}: --positions says others"
        )
    moves = np.zeros((len(values), 3))
    moves[:, : values.shape[1]] = values
    return moves * unit_of(file, name, METRES, 1.0)


def _motors(file: ScanHdf5) -> NDArray[np.float64] | None:
    """(n, 3) of a NeXus file whose motors stand alone."""
    names = [f"{ENTRY}/sample_1/transformations/{axis}" for axis in "xy"]
    x, y = (file.array(name) for name in names)
    if x is None or y is None:
        return None
    if x.shape != y.shape:
        raise ScanError(f"{names[0]} {x.shape} and {names[1]} {y.shape} in {file.path} must be alike")
    moves = np.zeros((x.size, 3))
    for axis, (name, values) in enumerate(zip(names, (x, y), strict=True)):
        moves[:, axis] = values.ravel() * unit_of(file, name, METRES, 1.0)
    return moves


def _directions(file: ScanHdf5) -> NDArray[np.float64]:
    """(3, 2): directions of the detector's rows and of its columns, of length 1."""
    vectors = file.array(f"{_DETECTOR}/basis_vectors")
    if vectors is None:
        return _DOWN_AND_RIGHT
    vectors = vectors.astype(np.float64)
    length = np.linalg.norm(vectors, axis=0) if vectors.shape == (3, 2) else np.zeros(2)
    if not (np.isfinite(length).all() and length.all()):
        raise ScanError(
            f"{_DETECTOR}/basis_vectors in {file.path} must be (3, 2), the directions of rows and columns, "
            f"got {vectors.shape}: take them out, and say with --orientation what differs from down and right"
        )
    return np.asarray(vectors / length)


def _add_images(stored: StoredScan, file: ScanHdf5, *, own: bool) -> None:
    """The probe, and the object where the file says where it lies; `own`: untouched, as we wrote them."""
    name = f"{ENTRY}/instrument_1/source_1/illumination"
    if file.find(name) is None:
        name = f"{ENTRY}/image_1/data"
        if "incoherent" not in str(file.attribute(name, "axes")):
            name = ""  # image_1 is the sample unless it says that it is a probe
    probe = file.array(name) if name else None
    if probe is not None:
        stored.probe = incoherent_modes(probe, stored.record)
        stored.probe_scale_open = not own
    images = file.array(f"{ENTRY}/image_2/data")
    object_ = images[0] if images is not None and images.ndim == 3 and len(images) else images
    if own:
        stored.object = object_
        return
    _place_object(stored, file, object_)


def _place_object(stored: StoredScan, file: ScanHdf5, object_: NDArray[Any] | None) -> None:
    """Positions as pixels of the object where the file says where it lies; else without it."""
    extras = f"{ENTRY}/ptychodus"
    sides = (length_m(file, f"{extras}/{name}_pixel_width_m") for name in ("object", "probe"))
    stored.pixel_size_m = next((side for side in sides if side is not None), None)
    centre = [file.number(f"{extras}/object_center_{axis}_m") for axis in "yx"]
    if object_ is None or object_.ndim != 2 or stored.pixel_size_m is None or None in centre:
        return
    if stored.positions is not None:
        stored.object = object_
        positions_on_object(stored, np.array(centre, np.float64), object_.shape, stored.pixel_size_m)
    if file.attribute(f"{ENTRY}/{GROUP}", "pixel_size_known") in (False, 0):
        stored.pixel_size_m = None  # a result of ours in pixels, at 1 m each
