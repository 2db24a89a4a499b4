"""Pictures on the disk: the format is what the name's ending says."""

import os
from pathlib import Path
from typing import Any

from PIL import Image

from ptychoscope.errors import OutputError
from ptychoscope.io.atomic import replacing

_DOTS_PER_INCH = 150.0
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".pdf": {"format": "PDF", "quality": 95, "resolution": _DOTS_PER_INCH},
}
"""How Pillow writes each ending."""


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Raise `OutputError` when the ending of `path` names no format for pictures."""
    if Path(path).suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise OutputError(f"cannot write {path}: its ending names no format for pictures; use one of {known}")


def save_sheet(sheet: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write an RGB picture whole or not at all; raises `OutputError`."""
    check_picture_name(path)
    with replacing(path) as partial, partial.open("wb") as file:
        sheet.save(file, **FORMATS[Path(path).suffix.lower()])
