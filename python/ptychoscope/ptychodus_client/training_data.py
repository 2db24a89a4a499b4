"""Training data: written as scans of ours, and found again in the folder that ptychodus hands over.

`*.npz` are scans, ours or of the community's contract. Where there is none, `diffraction.h5` and
`product.h5`, as ptychodus lays them into a workflow's folder, are one.
"""

from pathlib import Path
from typing import Any

from ptychoscope.errors import ScanError
from ptychoscope.io import save_scan
from ptychoscope.ptychodus_client.reconstruct_input import scan_from_input

SUFFIX = ".npz"
FILE_FILTER = f"Ptychoscope scans (*{SUFFIX})"


def export_scan(path: Path, parameters: Any) -> None:
    """A `ReconstructInput`, with its object, as a scan file; raises `ScanError` or `OutputError`.

    Patterns stay the counts that they are, and bad pixels stay unmeasured.
    """
    save_scan(scan_from_input(parameters, with_object=True), path)


def scan_files(folder: Path, scratch: Path) -> list[Path]:
    """The scans in `folder`, in the order of their names; what has to be converted is written into `scratch`.

    Raises `ScanError` when there is none.
    """
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if found:
        return found
    diffraction, product = folder / "diffraction.h5", folder / "product.h5"
    if not (diffraction.is_file() and product.is_file()):
        raise ScanError(
            f"{folder} holds no training data: export scans (*{SUFFIX}) into it first, or give a folder with "
            "diffraction.h5 and product.h5"
        )
    from ptychodus.api.io import load_diffraction_data, load_product
    from ptychodus.api.reconstruct import prepare_reconstruct_input

    try:
        parameters = prepare_reconstruct_input(load_diffraction_data(diffraction), load_product(product))
    except (KeyError, OSError, ValueError) as error:
        raise ScanError(
            f"{diffraction} and {product.name} are no scan ({error}): export them again"
        ) from error
    converted = scratch / f"scan{SUFFIX}"
    export_scan(converted, parameters)
    return [converted]
