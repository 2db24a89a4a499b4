"""ptychoscope convert: a scan or a result in another format."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptychoscope.cli.click_helpers import argument, command, option
from ptychoscope.cli.output_checks import check_outputs
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.errors import ResultError, ScanError

if TYPE_CHECKING:
    from ptychoscope.reconstruction import Reconstruction
    from ptychoscope.scan import Scan


@command()
@argument("source", "A scan or a result, of any format that is read.")
@argument("target", "What to write; the ending names the format.")
@option("--json", "as_json", is_flag=True, about="Print what was written as JSON.")
@scan_options
def convert(source: Path, target: Path, as_json: bool, reading: ScanOptions) -> None:
    """Write a scan, or a result, in the format that the ending of TARGET names.

    A scan is written as it is read: what was named, cropped, binned or oriented is so in the new file, and
    stands in its record.
    """
    check_outputs([("the source", source), *reading.files()], [("the target", target)])
    found = _scan_or_result(source, reading)
    from ptychoscope.scan import Scan

    facts: dict[str, object] = {"written": str(target)}
    if isinstance(found, Scan):
        from ptychoscope.io import save_scan

        save_scan(found, target)
        facts |= {"kind": "scan", "patterns": len(found), "patch_px": found.patch_px}
    else:
        from ptychoscope.io import save_reconstruction

        save_reconstruction(found, target)
        facts |= {"kind": "result", "shape_px": list(found.object.shape)}
    click.echo(json.dumps(facts) if as_json else f"{target}: {_line(facts)}")


def _scan_or_result(path: Path, reading: ScanOptions) -> "Scan | Reconstruction":
    """What `path` holds; raises `ScanError`, why it is no scan, where it is neither."""
    from ptychoscope.io import load_reconstruction

    try:
        return reading.scan(path)
    except ScanError as no_scan:
        try:
            return load_reconstruction(path)
        except ResultError:
            raise no_scan from None


def _line(facts: dict[str, object]) -> str:
    if facts["kind"] == "scan":
        return f"a scan of {facts['patterns']} patterns of {facts['patch_px']} px"
    height, width = facts["shape_px"]  # type: ignore[misc]
    return f"a result of {height} x {width} px"
