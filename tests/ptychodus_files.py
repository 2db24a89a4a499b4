"""Files as ptychodus 1.7.0 writes them, made with h5py alone: same names, types, shapes, filters and links.

`tests/ptychodus_client/test_files_by_ptychodus.py` compares them with what the real package writes from the
same numbers. Patterns are counts. A position in metres is `PIXEL_M * (index - middle of the array) + center`,
where ptychodus lays a patch of side P around index (P - 1) / 2.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

N, P, SHAPE, MODES = 6, 8, (20, 24), 3
PIXEL_M, DETECTOR_M, ENERGY_EV, ENERGY_J, DISTANCE_M = 1e-8, 75e-6, 8000.0, 1.2817413072e-15, 2.0
CENTER_M = (5e-8, 3e-8)
"""(y, x) of the middle of the object array."""
FIRST_INDEX = 3
METADATA = {
    "name": "sample", "comments": "made up", "detector_object_distance_m": DISTANCE_M,
    "photon_energy_eV": ENERGY_EV, "probe_photon_count": 1e5, "exposure_time_s": 0.1,
    "mass_attenuation_m2_per_kg": 0.5, "tomography_angle_deg": 12.0, "focus_object_distance_m": 0.0,
    "tilt_angle_deg": 1.0, "far_field": True,
}  # fmt: skip
LZF: dict[str, Any] = {"compression": "lzf"}


def arrays(*, full: bool = False) -> dict[str, Any]:
    """The numbers of all files; `full`: with all that may be left out (OPR, layers, counts, polarization)."""
    rng = np.random.default_rng(7)
    coherent, layers = (2, 2) if full else (1, 1)
    steps = np.arange(N)
    bad = np.zeros((P, P), bool)
    bad[1, 2] = True
    return {
        "patterns": rng.poisson(5.0, (N, P, P)).astype(np.uint16),
        "bad_pixels": bad,
        "indexes": steps + FIRST_INDEX,
        "x_m": PIXEL_M * (steps - 1.25) + CENTER_M[1],
        "y_m": PIXEL_M * (2.5 - steps) + CENTER_M[0],
        "probe": _complex(rng, (coherent, MODES, P, P)),
        "object": _complex(rng, (layers, *SHAPE)),
        "layer_spacing_m": np.full(layers - 1, 1e-6),
        "opr_weights": rng.random((N, coherent)) if full else None,
        "photon_counts": 1000.0 + steps if full else None,
        "polarization": "left_circular" if full else None,
        "loss_epochs": np.arange(2),
        "loss_values": np.array([2.0, 1.0]),
    }


def _complex(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def write_product(path: Path, *, full: bool = False) -> Path:
    """product.h5 (`ptychodus.api.io.save_product`)."""
    data = arrays(full=full)
    with h5py.File(path, "w") as file:
        file.attrs.update(METADATA)
        if data["polarization"]:
            file.attrs["polarization"] = data["polarization"]
        file["probe_position_indexes"] = data["indexes"]
        file["probe_position_x_m"], file["probe_position_y_m"] = data["x_m"], data["y_m"]
        for name, key in (("probe_photon_counts", "photon_counts"), ("opr_weights", "opr_weights")):
            if data[key] is not None:
                file[name] = data[key]
        pixel = {"pixel_width_m": PIXEL_M, "pixel_height_m": PIXEL_M}
        file["probe"], file["object"] = data["probe"], data["object"]
        file["probe"].attrs.update(pixel)
        file["object"].attrs.update(center_x_m=CENTER_M[1], center_y_m=CENTER_M[0], **pixel)
        file["object_layer_spacing_m"] = data["layer_spacing_m"]
        file["loss_epochs"], file["loss_values"] = data["loss_epochs"], data["loss_values"]
    return path


def write_diffraction(path: Path, *, full: bool = False) -> Path:
    """diffraction.h5, assembled patterns (`ptychodus.api.io.save_diffraction_data`)."""
    data = arrays(full=full)
    with h5py.File(path, "w") as file:
        file.create_dataset("indexes", data=data["indexes"], **LZF)
        patterns = file.create_dataset("patterns", data=data["patterns"], **LZF)
        patterns.attrs.update(detector_pixel_width_m=DETECTOR_M, detector_pixel_height_m=DETECTOR_M)
        file.create_dataset("bad_pixels", data=data["bad_pixels"], **LZF)
        if full:
            file.create_dataset("probe_photon_counts", data=data["photon_counts"], **LZF)
    return path


def write_training(path: Path, *, full: bool = False) -> Path:
    """Training data (`save_training_data`), bad pixels set to 0, positions as indices on the object array."""
    data = arrays(full=full)
    patterns = np.where(data["bad_pixels"], 0, data["patterns"]).astype(np.uint16)
    y, x = object_indices(data)
    with h5py.File(path, "w") as file:
        for name, array in (
            ("patterns", patterns), ("bad_pixels", data["bad_pixels"]), ("probe", data["probe"][0]),
            ("object", data["object"][0]), ("probe_position_x_px", x), ("probe_position_y_px", y),
        ):  # fmt: skip
            file.create_dataset(name, data=array, **LZF)
        file["object_pixel_width_m"] = file["object_pixel_height_m"] = PIXEL_M
        file["detector_object_distance_m"], file["photon_energy_eV"] = DISTANCE_M, ENERGY_EV
    return path


def object_indices(data: dict[str, Any]) -> tuple[Any, Any]:
    """(y, x) of every position as an index on the object array, the middle of a patch being (P - 1) / 2."""
    y = (data["y_m"] - CENTER_M[0]) / PIXEL_M + (SHAPE[0] - 1) / 2
    x = (data["x_m"] - CENTER_M[1]) / PIXEL_M + (SHAPE[1] - 1) / 2
    return y, x


def write_ptychopinn(path: Path, *, full: bool = False) -> Path:
    """What it exports for PtychoPINN (`save_ptychopinn_training_data`): counts under the name `diff3d`."""
    data = arrays(full=full)
    y, x = object_indices(data)
    np.savez(
        path, xcoords=x, ycoords=y, xcoords_start=x, ycoords_start=y,
        diff3d=np.where(data["bad_pixels"], 0, data["patterns"]).astype(np.uint16),
        bad_pixels=data["bad_pixels"], probeGuess=data["probe"][0], objectGuess=data["object"][0],
        scan_index=np.zeros(N, dtype=int),
    )  # fmt: skip
    return path


def write_cxi_diffraction(path: Path, *, full: bool = False) -> Path:
    """diffraction.cxi: patterns without positions; `full`: with what the group `ptychodus` may hold."""
    data = arrays(full=full)
    with h5py.File(path, "w") as file:
        file["cxi_version"], file["entry_1/start_time"] = 160, "2026-11-29T00:00:00+00:00"
        file["entry_1/instrument_1/source_1/energy"] = ENERGY_J
        detector = file.create_group("entry_1/instrument_1/detector_1")
        detector["distance"] = DISTANCE_M
        detector["x_pixel_size"] = detector["y_pixel_size"] = DETECTOR_M
        detector.create_dataset("data", data=data["patterns"], **LZF)
        detector.create_dataset("mask", data=data["bad_pixels"].astype(np.uint32), **LZF)
        file["entry_1/data_1/data"] = h5py.SoftLink("/entry_1/instrument_1/detector_1/data")
        if full:
            extras = file.create_group("entry_1/ptychodus")
            extras["probe_photon_count"], extras["exposure_time_s"] = 100_000, METADATA["exposure_time_s"]
            extras["tomography_angle_deg"] = METADATA["tomography_angle_deg"]
    return path


def write_cxi_product(path: Path, *, full: bool = False) -> Path:
    """product.cxi: positions, probe (image_1) and object (image_2), no patterns."""
    data = arrays(full=full)
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry_1")
        file["cxi_version"], entry["start_time"] = 160, "2026-11-29T00:00:00+00:00"
        entry["title"] = entry["sample_1/name"] = METADATA["name"]
        entry["experiment_description"] = METADATA["comments"]
        entry["sample_1/geometry_1/translation"] = np.stack([data["x_m"], data["y_m"], np.zeros(N)], axis=1)
        entry["data_1/translation"] = h5py.SoftLink("/entry_1/sample_1/geometry_1/translation")
        entry["instrument_1/source_1/energy"] = ENERGY_J
        entry["instrument_1/detector_1/distance"] = DISTANCE_M
        _cxi_image(entry, "image_1", data["probe"], "coherent:incoherent:y:x", "amplitude")
        entry["instrument_1/source_1/illumination"] = h5py.SoftLink("/entry_1/image_1/data")
        _cxi_image(entry, "image_2", data["object"], "layer:y:x", "electron density")
        process = {"program": "Ptychodus", "version": "1.7.0", "date": "2026-11-29T00:00:00+00:00"}
        for name, value in process.items():
            entry[f"process_1/{name}"] = value
        for name, value in _cxi_extras(data).items():
            entry[f"ptychodus/{name}"] = value
    return path


def _cxi_image(entry: h5py.Group, name: str, array: Any, axes: str, kind: str) -> None:
    image = entry.create_group(name)
    image["data"] = array
    image["data"].attrs["axes"] = axes
    image["data_type"], image["data_space"] = kind, "real"
    height, width = array.shape[-2:]
    image["image_size"] = np.array([PIXEL_M * width, PIXEL_M * height, 0.0])
    for part in ("source_1", "detector_1"):
        image[part] = h5py.SoftLink(f"/entry_1/instrument_1/{part}")


def _cxi_extras(data: dict[str, Any]) -> dict[str, Any]:
    """The group /entry_1/ptychodus; what is 0, empty or None is not written."""
    numbers = ("probe_photon_count", "exposure_time_s", "mass_attenuation_m2_per_kg", "tomography_angle_deg")
    values = {
        "probe_position_indexes": data["indexes"],
        **{f"{what}_pixel_{side}_m": PIXEL_M for what in ("probe", "object") for side in ("width", "height")},
        "object_center_x_m": CENTER_M[1],
        "object_center_y_m": CENTER_M[0],
        **{name: METADATA[name] for name in numbers},
        "opr_weights": data["opr_weights"],
        "object_layer_spacing_m": data["layer_spacing_m"],
        "loss_epochs": data["loss_epochs"],
        "loss_values": data["loss_values"],
    }
    return {name: value for name, value in values.items() if value is not None and np.size(value)}
