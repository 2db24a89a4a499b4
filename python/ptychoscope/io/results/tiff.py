"""The image of a result as TIFF, for ImageJ and its like: phase (rad, about its mean) and amplitude.

Two pages of 32-bit floats with their names (`PageName`), the pixel size in the resolution tags where it is
known, and the provenance as JSON in the first page's `ImageDescription`. The rest of the result is not in it:
it is an output, not a file to go on from.
"""

import io
import json
import os
from fractions import Fraction
from typing import Any

import numpy as np

from ptychoscope.errors import OutputError
from ptychoscope.io.atomic import replacing
from ptychoscope.reconstruction import Reconstruction

SUFFIXES = (".tif", ".tiff")
MAGICS = (b"II*\0", b"MM\0*")
"""The first bytes of a TIFF file."""
_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _PAGE_NAME, _UNIT, _SOFTWARE = 270, 282, 283, 285, 296, 305
_CENTIMETRE = 3
_LIMIT_PX = 2**29 - 2**20
"""Two pages of four bytes a pixel; offsets in a TIFF have 32 bits."""


def write(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write phase and amplitude; raises `OutputError`."""
    if result.object.size > _LIMIT_PX:
        raise OutputError(
            f"cannot write {path}: {result.object.shape} px are more than a TIFF holds; write .h5 or .npz"
        )
    from PIL import Image
    from PIL.TiffImagePlugin import AppendingTiffWriter

    content = io.BytesIO()
    with AppendingTiffWriter(content, new=True) as pages:
        for name, values in (("Phase (rad)", result.phase_rad()), ("Amplitude", np.abs(result.object))):
            page = Image.fromarray(np.asarray(values, np.float32))
            page.save(pages, format="TIFF", tiffinfo=_tags(result, name))
            pages.newFrame()
    with replacing(path) as partial:
        partial.write_bytes(content.getbuffer())


def _tags(result: Reconstruction, name: str) -> Any:
    from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    tags[_PAGE_NAME], tags[_SOFTWARE] = name, "Ptychoscope"
    about = {"pixel_size_m": result.pixel_size_m, "origin_px": result.origin_px, "page": name}
    tags[_DESCRIPTION] = json.dumps(about | {"provenance": result.provenance})
    if result.pixel_size_m is not None:
        per_cm = Fraction(0.01 / result.pixel_size_m).limit_denominator(1000)
        if 0 < per_cm.numerator < 2**32:
            tags[_X_RESOLUTION] = tags[_Y_RESOLUTION] = IFDRational(per_cm.numerator, per_cm.denominator)
            tags[_UNIT] = _CENTIMETRE
    return tags
