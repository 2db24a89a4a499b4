"""Write a small scan as facilities do: a master of a detector, packed with bitshuffle-LZ4, and a TIFF stack.

`python tests/packed_scan.py FOLDER` needs what the extra `files` brings, and nothing of the product.
"""

import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import tifffile

SHAPE = (5, 8, 8)


def main() -> None:
    """Write master, data file, stack and positions; pixel [k, y, x] holds 64 k + 8 y + x."""
    folder, frames = Path(sys.argv[1]), np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
    with h5py.File(folder / "packed_data_000001.h5", "w") as file:
        packing = hdf5plugin.Bitshuffle(cname="lz4")
        file.create_dataset("entry/data/data", data=frames, chunks=(1, *SHAPE[1:]), **packing)
    with h5py.File(folder / "packed_master.h5", "w") as file:
        file["entry/data/data_000001"] = h5py.ExternalLink("packed_data_000001.h5", "/entry/data/data")
        file.create_group("entry/instrument/detector")
    tifffile.imwrite(folder / "stack.tif", frames, photometric="minisblack")
    rows = "".join(f"{3 * k},{2 * k}\n" for k in range(SHAPE[0]))
    (folder / "positions.csv").write_text("y_px,x_px\n" + rows)


if __name__ == "__main__":
    main()
