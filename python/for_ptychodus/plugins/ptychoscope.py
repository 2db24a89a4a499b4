"""What ptychodus 1.7 finds in its namespace package `ptychodus.plugins`: readers and a writer of our files.

Installed as `ptychodus/plugins/ptychoscope.py`. It needs nothing beyond ptychodus and Ptychoscope's runtime,
and Ptychoscope is imported only when a file is read or written.
"""

from pathlib import Path
from typing import Any

from ptychodus.api.diffraction import DiffractionDataset, DiffractionFileReader
from ptychodus.api.plugins import PluginRegistry
from ptychodus.api.product import Product, ProductFileReader, ProductFileWriter

SIMPLE_NAME = "Ptychoscope"
RESULTS = "Ptychoscope Results (*.h5 *.hdf5)"
SCANS = "Ptychoscope Scans (*.npz *.h5 *.hdf5 *.cxi)"


class ResultFile(ProductFileReader, ProductFileWriter):
    """A result of ours as a product, also one without a probe, and a product as a result of ours."""

    def read(self, file_path: Path) -> Product:
        """Raises `ptychoscope.errors.ResultError`."""
        from ptychoscope.io import load_reconstruction
        from ptychoscope.ptychodus_client import product_from_reconstruction

        return product_from_reconstruction(load_reconstruction(file_path), Path(file_path).stem)

    def write(self, file_path: Path, product: Product) -> None:
        """Whole or not at all; raises `ptychoscope.errors.OutputError`."""
        from ptychoscope.io import save_reconstruction
        from ptychoscope.ptychodus_client import reconstruction_from_product

        save_reconstruction(reconstruction_from_product(product), file_path)


class ScanProduct(ProductFileReader):
    """Positions, probe and object of a scan."""

    def read(self, file_path: Path) -> Product:
        """Raises `ptychoscope.errors.ScanError`."""
        from ptychoscope.ptychodus_client import product_from_scan

        return product_from_scan(_scan(file_path), Path(file_path).stem)


class ScanPatterns(DiffractionFileReader):
    """Patterns and mask of a scan, in counts."""

    def read(self, file_path: Path) -> DiffractionDataset:
        """Raises `ptychoscope.errors.ScanError`."""
        from ptychoscope.ptychodus_client import diffraction_from_scan

        return diffraction_from_scan(_scan(file_path), Path(file_path))


def _scan(path: Path) -> Any:
    from ptychoscope.io import load_scan

    return load_scan(path)


def register_plugins(registry: PluginRegistry) -> None:
    """Called by ptychodus when it starts."""
    result = ResultFile()
    registry.register_product_file_reader_with_adapters(result, simple_name=SIMPLE_NAME, display_name=RESULTS)
    registry.product_file_writers.register_plugin(result, simple_name=SIMPLE_NAME, display_name=RESULTS)
    registry.register_product_file_reader_with_adapters(
        ScanProduct(), simple_name=f"{SIMPLE_NAME}_Scan", display_name=SCANS
    )
    registry.diffraction_file_readers.register_plugin(
        ScanPatterns(), simple_name=f"{SIMPLE_NAME}_Scan", display_name=SCANS
    )
