"""Scans and results as values of ptychodus, and its products as our results: what plug-ins hand over.

As in our result files, a position lies at `position_px * pixel_size_m`, and a pixel size that is not known is
1 m. ptychodus drops the object and the probe of a product whose energy, distance and detector pixel do not
say how large an object pixel is. A scan does not state them, so they are nominal, and the product's comments
say so: 10 keV over 1 m, and the detector pixel that makes the object pixel right.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.patch_geometry import canvas_extent, nearest_pixel
from ptychoscope.preprocess.probe_intensity import probe_power
from ptychoscope.ptychodus_client.object_grid import ObjectGrid, positions_m, side_of
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan

_EVEN = 2
"""Side of patches where no probe tells it: even, as in our result files."""
_ENERGY_EV, _DISTANCE_M = 1e4, 1.0
"""Nominal."""
_NOMINAL = (
    "Photon energy and detector distance are nominal: the file states the size of an object pixel alone."
)
_UNKNOWN = "Photon energy, detector distance and the object pixel of 1 m are nominal: the file states none."
_DECIMALS = 6
"""Of an origin in pixels: what a division by the pixel size adds must not decide on a half."""


def product_from_reconstruction(result: Reconstruction, name: str = "ptychoscope") -> Any:
    """`result` as a `ptychodus.api.product.Product`, at the same place in the object plane."""
    return _product(name, result, result.object, result.origin_px)


def product_from_scan(scan: Scan, name: str = "ptychoscope") -> Any:
    """Positions, probe and object of `scan` as a `ptychodus.api.product.Product`.

    Without an object it gets an empty one (modulus 1) that holds every patch.
    """
    origin, image = (0, 0), scan.object
    if image is None:
        extent = canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px))
        origin, image = extent.origin_px, np.ones(extent.shape, np.complex64)
    return _product(name, scan, image, origin, side=scan.patch_px)


def _product(
    name: str,
    of: Scan | Reconstruction,
    object_: NDArray[np.complex64],
    origin_px: tuple[int, int],
    *,
    side: int = _EVEN,
) -> Any:
    from ptychodus.api.geometry import PixelGeometry
    from ptychodus.api.object import Object, ObjectCenter
    from ptychodus.api.probe import ProbeSequence
    from ptychodus.api.probe_positions import ProbePosition, ProbePositionSequence
    from ptychodus.api.product import Product, ProductMetadata

    probe, pixel_m = of.probe, of.pixel_size_m or 1.0
    pixel = PixelGeometry(width_m=pixel_m, height_m=pixel_m)
    side = side if probe is None else probe.shape[-1]
    y, x = ObjectGrid.around(origin_px, (object_.shape[0], object_.shape[1]), pixel_m, side).center_m
    return Product(
        metadata=ProductMetadata(
            name=name,
            comments=_UNKNOWN if of.pixel_size_m is None else _NOMINAL,
            detector_distance_m=_DISTANCE_M,
            photon_energy_eV=_ENERGY_EV,
            probe_photon_count=0.0 if probe is None else probe_power(probe),
            exposure_time_s=0.0,
            mass_attenuation_m2_per_kg=0.0,
            tomography_angle_deg=0.0,
        ),
        probe_positions=ProbePositionSequence(
            [
                ProbePosition(index, float(column) * pixel_m, float(row) * pixel_m)
                for index, (row, column) in enumerate(of.positions_px)
            ]
        ),
        probes=ProbeSequence(None if probe is None else probe[None], None, pixel),
        object_=Object(object_[None], pixel, ObjectCenter(x_m=x, y_m=y)),
        losses=[],
    )


def reconstruction_from_product(product: Any) -> Reconstruction:
    """A product of ptychodus as our result: layers multiplied, of several OPR modes those of the mean probe.

    Its object is moved to the nearest whole pixel, halves upwards, and its positions with it. Coverage is 1
    where the object is not 0, and the spread is 0. Raises `ResultError` when pixels are not square,
    `ScanError` when the object has no place.
    """
    grid = ObjectGrid.of(product.object_)
    pixel = grid.pixel_size_m
    if pixel is None:
        raise ResultError(
            f"the product's pixels must be square, got {grid.pixel_m[0]} x {grid.pixel_m[1]} m: resample the "
            "object in ptychodus to square pixels"
        )
    image = np.asarray(product.object_.get_layers_flattened()).astype(np.complex64)
    array = np.asarray(product.probes.get_array())
    side = side_of(product.probes) if array.size else _EVEN
    corner = -grid.to_px(np.zeros((1, 2)), side)  # of index [0, 0], from 0 m
    origin = nearest_pixel(np.round(corner, _DECIMALS))[0]
    seen = (image != 0).astype(np.float32)
    return Reconstruction(
        object=image,
        coverage=seen,
        spread=np.zeros_like(seen),
        origin_px=(int(origin[0]), int(origin[1])),
        pixel_size_m=pixel,
        positions_px=grid.to_px(positions_m(product), side) + origin,
        probe=product.probes.get_probe_no_opr().get_array() if array.size else None,
        provenance={"name": product.metadata.name},
    )


def diffraction_from_scan(scan: Scan, path: Path) -> Any:
    """Patterns of `scan`, in counts, as a `ptychodus.api.diffraction.DiffractionDataset` named by `path`."""
    from ptychodus.api.constants import energy_eV_to_wavelength_m
    from ptychodus.api.diffraction import (
        BeamCenter,
        DiffractionDatasetLayoutNode,
        DiffractionMetadata,
        SimpleDiffractionArray,
        SimpleDiffractionDataset,
    )
    from ptychodus.api.geometry import ImageExtent, PixelGeometry
    from ptychodus.api.propagate import compute_far_field_pixel_geometry

    pixel_m, extent = scan.pixel_size_m or 1.0, ImageExtent(width_px=scan.patch_px, height_px=scan.patch_px)
    detector_pixel = compute_far_field_pixel_geometry(
        PixelGeometry(width_m=pixel_m, height_m=pixel_m),
        extent,
        wavelength_m=energy_eV_to_wavelength_m(_ENERGY_EV),
        propagation_distance_m=_DISTANCE_M,
    )
    counts = scan.patterns if scan.domain == "counts" else scan.counts()
    layout = DiffractionDatasetLayoutNode.create_root()
    layout.add_child(path.stem, type(counts).__name__, f"{counts.dtype}{counts.shape}")
    return SimpleDiffractionDataset(
        DiffractionMetadata(
            num_patterns_per_array=[len(scan)],
            pattern_dtype=counts.dtype,
            detector_extent=extent,
            detector_distance_m=_DISTANCE_M,
            detector_pixel_geometry=detector_pixel,
            beam_center=BeamCenter(x_px=scan.patch_px // 2, y_px=scan.patch_px // 2),
            photon_energy_eV=_ENERGY_EV,
            file_path=path,
        ),
        layout,
        [SimpleDiffractionArray(path.stem, np.arange(len(scan)), counts)],
        scan.bad_pixels,
    )
