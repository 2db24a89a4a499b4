"""Malformed scan files of every kind: `CASES`, those of HDF5 among them."""

from io import BytesIO
from typing import Any

import numpy as np
import tifffile

import hostile_hdf5
import hostile_links
from detector_files import counts, mib_bytes
from hostile_cases import CASES, N, content, npz, table

__all__ = ["CASES", "hostile_hdf5", "hostile_links"]


# --- bytes --------------------------------------------------------------------------------------------------
content("empty", "is empty", lambda: b"")
content("noise", "of no known format", lambda: bytes(range(7, 207)))
content("hdf5-signature_alone", "damaged", lambda: b"\x89HDF\r\n\x1a\n")
content("hdf5-signature_and_noise", "damaged", lambda: b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 8)
content("hdf5-behind_a_user_block", "damaged", lambda: bytes(512) + b"\x89HDF\r\n\x1a\n" + b"\xff" * 500)
content("tiff-mark_alone", "TIFF|no pages", lambda: b"II*\0")
content("tiff-pages_in_a_circle", "TIFF|no pages|pages of", lambda: b"II*\0\x08\0\0\0\0\0\x08\0\0\0")
content("mib-mark_alone", "does not begin with a header", lambda: b"MQ1,")
content("mib-raw", "raw bits", lambda: mib_bytes(counts(N), kind="R64"))
content("zip-mark_alone", "damaged", lambda: b"PK\x03\x04")


def _tiff(**how: Any) -> bytes:
    stream = BytesIO()
    tifffile.imwrite(stream, counts(N), photometric="minisblack", **how)
    return stream.getvalue()


def _huge_tiff() -> bytes:
    data = bytearray(_tiff())
    for tag in (b"\x00\x01", b"\x01\x01"):  # width and length of the first page
        at = data.index(tag + b"\x04\x00" if tag + b"\x04\x00" in data else tag + b"\x03\x00")
        data[at + 2 : at + 12] = b"\x04\x00" + (1).to_bytes(4, "little") + (1 << 20).to_bytes(4, "little")
    return bytes(data)


content(
    "tiff-cut",
    "TIFF|declares",
    lambda: _tiff()[:-200],
)
content("tiff-huge", "TIFF|differ|declares", _huge_tiff)

# --- npz ----------------------------------------------------------------------------------------------------
npz("without_patterns", "has no patterns", counts=None)
npz("with_one_coordinate", "has no xcoords", xcoords=None)
npz("with_positions_of_nan", "no position", xcoords=np.full(4, np.nan))
npz("with_positions_of_text", "numbers", xcoords=np.array(["a"] * 4))
npz("with_a_probe_of_another_size", "probe must be", probeGuess=np.ones((5, 5), complex))
npz("with_a_probe_of_zeros", "probe is zero", probeGuess=np.zeros((8, 8), complex))
npz("with_an_object_of_text", "object must be", objectGuess=np.full((20, 20), "x"))
npz("with_a_mask_of_another_size", "bad_pixels", bad_pixels=np.zeros((3, 3), bool))
npz("with_a_pixel_of_nan", "pixel_size_m must be a positive", pixel_size_m=np.nan)
npz("with_orientation_that_is_no_json", "no.*JSON|not a JSON", orientation="{")
npz("with_values_too_large", "single precision", counts=counts(N) * 1e300 + 0.1e300)

# --- tables of positions ------------------------------------------------------------------------------------
table("empty", r"p\.csv", "")
table("without_names", r"p\.csv", "1,2\n3,4\n")
table("of_text", r"p\.csv", "y_px,x_px\na,b\n")
table("of_nan", "no position|finite", "y_px,x_px\n" + "nan,nan\n" * N)
table("ragged", r"p\.csv", "y_px,x_px\n1,2\n3\n")
