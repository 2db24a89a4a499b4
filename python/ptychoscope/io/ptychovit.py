"""PtychoViT's pair: `<name>_dp.hdf5` with `dp` (n, H, W), intensity, and `<name>_para.hdf5` beside it.

The second has what a ptychodus product has: `probe_position_x_m`, `probe_position_y_m` about the middle of
the object, `object` (1, H, W) with its pixel, and `probe` (1, m, P, P). Positions lie as in a product.
`dp` may have been divided by its largest value; the photons are then found as for any scan.
"""

from ptychoscope.errors import ScanError
from ptychoscope.io import ptychodus_product
from ptychoscope.io.hdf5_patterns import patterns_of_root
from ptychoscope.io.linked_hdf5 import ScanHdf5
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan

NAME = "PtychoViT's pair"
_PATTERNS, _REST = "_dp", "_para"


def matches(file: ScanHdf5) -> bool:
    """Whether `file` holds patterns as `dp`."""
    return "dp" in file.children()


def read(file: ScanHdf5, options: ReadOptions) -> StoredScan:
    """What a pair holds, given its first file; raises `ScanError` naming what it must be."""
    stored = StoredScan(
        source=str(file.path),
        patterns=patterns_of_root(file, "dp", "--patterns FILE:/path names the patterns"),
        patterns_name="dp",
        domain="counts",
        record={"format": NAME},
    )
    beside = file.path.with_name(f"{file.path.stem.removesuffix(_PATTERNS)}{_REST}{file.path.suffix}")
    stored.without_positions = (
        f"has patterns alone: copy {beside.name} beside it, or --positions FILE says where they are"
    )
    if options.get("positions") is not None or not beside.is_file():
        return stored
    rest = ScanHdf5(beside, allow_outside=file.allow_outside)
    if not ptychodus_product.matches(rest):
        raise ScanError(
            f"{beside} has no probe_position_x_m and probe_position_y_m: --positions {beside}:/path names "
            "the positions"
        )
    return stored.with_parts_of(ptychodus_product.read(rest, options), beside.name)
