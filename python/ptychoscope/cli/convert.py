"""ptychoscope convert: a scan or a result in another format."""

from pathlib import Path
from typing import Any

import click

from ptychoscope.cli.click_helpers import argument, command
from ptychoscope.cli.output_checks import check_outputs
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import json_option, print_json


@command()
@argument("source", "A scan or a result, of any format that is read.")
@argument("target", "What to write; the ending names the format.")
@scan_options
@json_option
def convert(source: Path, target: Path, reading: ScanOptions, as_json: bool) -> None:
    """Write a scan, or a result, in the format that the ending of TARGET names.

    A scan is written as it is read: what was named, cropped, binned or oriented is so in the new file, and
    stands in its record.
    """
    check_outputs([("the source", source), *reading.files()], [("the target", target)])
    from ptychoscope.io.convert import convert as convert_file
    from ptychoscope.scan import Scan

    frames: Any = None if reading.frames == ":" else reading.frames
    found = convert_file(source, target, **reading.read_options(source) | {"frames": frames})
    facts: dict[str, Any] = {"written": str(target)}
    if isinstance(found, Scan):
        facts |= {"kind": "scan", "patterns": len(found), "patch_px": found.patch_px}
        line = f"a scan of {len(found)} patterns of {found.patch_px} px"
    else:
        height, width = found.object.shape
        facts |= {"kind": "result", "shape_px": [height, width]}
        line = f"a result of {height} x {width} px"
    if as_json:
        print_json(facts)
    else:
        click.echo(f"{target}: {line}")
