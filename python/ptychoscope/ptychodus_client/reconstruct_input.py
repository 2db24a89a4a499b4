"""From what ptychodus hands to a reconstructor to a scan, and from our result to the product it expects back.

Object pixels of the scan are the indices of the product's object array, so that a result lies on it to the
pixel.
"""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.patch_geometry import patch_corner
from ptychoscope.ptychodus_client.object_grid import ObjectGrid, positions_m
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan

logger = logging.getLogger(__name__)


def scan_from_input(parameters: Any, *, with_object: bool = False) -> Scan:
    """The scan in a `ptychodus.api.reconstruct.ReconstructInput`.

    Parameters
    ----------
    parameters
        Patterns (n, P, P) in counts, zero frequency at [P // 2, P // 2], a mask, and the product whose
        positions stand in the order of the patterns, as `prepare_reconstruct_input` brings them.
    with_object
        Also the product's object, its layers multiplied: the truth of a supervised training.

    Returns
    -------
    Scan
        `frame_numbers` are the scan indexes of ptychodus. Of a probe that varies over the scan (OPR) it has
        the modes that ptychodus calls `no_opr`.

    Raises
    ------
    ScanError
        The patterns are not square or negative, the numbers of patterns and positions differ, or the object
        has no pixel size.
    """
    product = parameters.product
    patterns = _unsigned(np.asarray(parameters.diffraction_patterns))
    if patterns.ndim != 3 or patterns.shape[1] != patterns.shape[2]:
        raise ScanError(
            f"patterns must be square, got {patterns.shape}: crop them in ptychodus, width as height"
        )
    side = patterns.shape[1]
    grid = ObjectGrid.of(product.object_)
    return Scan(
        patterns=patterns,
        positions_px=grid.to_px(positions_m(product), side),
        domain="counts",
        probe=_probe(product.probes, side),
        object=product.object_.get_layers_flattened() if with_object else None,
        bad_pixels=parameters.bad_pixels,
        pixel_size_m=grid.pixel_size_m,
        frame_numbers=_numbers(product),
    )


def _numbers(product: Any) -> NDArray[np.int64]:
    """(n,) the scan indexes of ptychodus, or rows where two of them are alike."""
    indexes = np.asarray(product.probe_positions.get_indexes(), np.int64)
    return indexes if len(np.unique(indexes)) == len(indexes) else np.arange(len(indexes))


def _unsigned(patterns: NDArray[Any]) -> NDArray[Any]:
    """Whole counts in the smallest unsigned type that holds them: they stay exact, and small."""
    if patterns.dtype.kind not in "iu" or not patterns.size or patterns.min() < 0:
        return patterns
    return patterns.astype(np.min_scalar_type(patterns.max()), copy=False)


def _probe(probes: Any, side: int) -> NDArray[np.complex64] | None:
    """(m, P, P), or None when the product has none yet."""
    array = np.asarray(probes.get_array())
    if not array.size or not np.any(array):
        return None
    if array.shape[-2:] != (side, side):
        raise ScanError(
            f"the product's probe has {array.shape[-2]} x {array.shape[-1]} px and the patterns {side} x "
            f"{side}: change the crop of the patterns in ptychodus, or build the probe again after cropping"
        )
    if len(array) > 1:
        logger.warning(
            "the probe varies over the scan (%d OPR modes): the mean one is used for every pattern",
            len(array),
        )
    return np.asarray(probes.get_probe_no_opr().get_array()).astype(np.complex64)


def product_from_result(product: Any, scan: Scan, result: Reconstruction) -> Any:
    """The `Product` that continues `product`: object, probe and positions from `result`, the rest as it was.

    The object has the shape and the place of the product's object, 0 where nothing was seen, so that results
    of parts of a scan (odd and even frames) can be compared; where patches reach beyond it by more than a
    pixel, it is as large as they need. Positions that the solver moved are moved by as much.

    Parameters
    ----------
    product
        The `ptychodus.api.product.Product` that `scan` was made from.
    scan
        As `scan_from_input` made it, and what `usable_frames` left of it.
    result
        What came of these frames; those that were left out keep their positions.
    """
    from ptychodus.api.object import Object, ObjectCenter
    from ptychodus.api.probe import ProbeSequence
    from ptychodus.api.product import Product

    grid = ObjectGrid.of(product.object_)
    image, placed = on_grid(result, grid, scan)
    probes = product.probes
    if result.probe is not None:
        probes = ProbeSequence(result.probe[None], None, product.object_.get_pixel_geometry())
    metadata = product.metadata
    return Product(
        metadata=replace(metadata, comments="\n".join(filter(None, (metadata.comments, said_of(result))))),
        probe_positions=_moved(product, scan, result, grid),
        probes=probes,
        object_=Object(
            image[None],
            product.object_.get_pixel_geometry(),
            ObjectCenter(x_m=placed.center_m[1], y_m=placed.center_m[0]),
        ),
        losses=_losses(result),
    )


def on_grid(result: Reconstruction, grid: ObjectGrid, scan: Scan) -> tuple[NDArray[np.complex64], ObjectGrid]:
    """The object of `result`, whose pixels are indices of `grid`, on that grid, or on a larger one."""
    corner = patch_corner(result.positions_px, (scan.patch_px, scan.patch_px))
    end = corner + scan.patch_px
    if (corner < -1).any() or (end > np.array(grid.shape) + 1).any():
        return result.object, grid.part(result.origin_px, (result.object.shape[0], result.object.shape[1]))
    image = np.zeros(grid.shape, np.complex64)
    to, source = [], []
    for origin, length, whole in zip(result.origin_px, result.object.shape, grid.shape, strict=True):
        begin, stop = max(origin, 0), min(origin + length, whole)
        to.append(slice(begin, stop))
        source.append(slice(begin - origin, stop - origin))
    image[tuple(to)] = result.object[tuple(source)]
    return image, grid


def _moved(product: Any, scan: Scan, result: Reconstruction, grid: ObjectGrid) -> Any:
    """The positions of `product`, those that the solver corrected where it put them."""
    from ptychodus.api.probe_positions import ProbePosition, ProbePositionSequence

    if result.given_positions_px is None:
        return product.probe_positions
    row = {int(number): k for k, number in enumerate(_numbers(product))}
    places = positions_m(product)
    places[[row[int(number)] for number in scan.numbers]] = grid.to_m(result.positions_px, scan.patch_px)
    return ProbePositionSequence(
        [
            ProbePosition(point.index, float(x), float(y), point.probe_photon_count)
            for point, (y, x) in zip(product.probe_positions, places, strict=True)
        ]
    )


def said_of(result: Reconstruction) -> str:
    """One line on what made the image and how well it explains the frames."""
    made = f"Ptychoscope {result.provenance.get('ptychoscope', '')}".strip()
    if "model" in result.provenance:
        made += f", network {result.provenance['model']}"
    if result.provenance.get("refine_sweeps"):
        made += f", {result.provenance['refine_sweeps']} sweeps"
    return made if result.verdict is None else f"{made}: {result.verdict.sentence()}"


def _losses(result: Reconstruction) -> list[Any]:
    """The misfit before the first sweep and after the last, as far as the solver was used and says it."""
    from ptychodus.api.product import LossValue

    record = result.provenance
    found = {0: "refine_misfit_before", record.get("refine_sweeps", 0): "refine_misfit_after"}
    return [LossValue(int(k), float(record[name])) for k, name in found.items() if name in record]
