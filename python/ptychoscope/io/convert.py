"""convert: a scan or a result in another format."""

import os
from pathlib import Path
from typing import Unpack

from ptychoscope.errors import ResultError, ScanError
from ptychoscope.io import load_reconstruction, load_scan, save_reconstruction, save_scan
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan


def convert(
    source: str | os.PathLike[str], target: str | os.PathLike[str], **options: Unpack[ReadOptions]
) -> Scan | Reconstruction:
    """Write the scan or the result in `source` in the format that the ending of `target` names.

    A scan is read as `options` say (those of `load_scan`) and written as it was read. Returns what was
    written. Raises `ScanError` when `source` is neither, with the reason why it is no scan, and
    `OutputError`.
    """
    found = scan_or_result(Path(source), options)
    if isinstance(found, Scan):
        save_scan(found, target)
    else:
        save_reconstruction(found, target)
    return found


def scan_or_result(path: Path, options: ReadOptions) -> Scan | Reconstruction:
    """What `path` holds; raises `ScanError`, why it is no scan, where it is neither."""
    try:
        return load_scan(path, **options)
    except ScanError as no_scan:
        try:
            return load_reconstruction(path)
        except ResultError:
            raise no_scan from None
