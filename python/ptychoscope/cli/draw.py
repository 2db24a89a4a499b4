"""ptychoscope draw: the picture of a saved result."""

from pathlib import Path

import click

from ptychoscope.cli.click_helpers import PATH, argument, choice, command, option
from ptychoscope.cli.output_checks import check_outputs, check_picture
from ptychoscope.option_literals import PicturePanel


@command()
@argument("result", "Result of a run (.h5, .cxi, .npz), or a product or CXI file by ptychodus.")
@option(
    "--output",
    "-o",
    type=PATH,
    about="Picture: .png, .jpg or .pdf; without, a .png beside the result.",
)
@option(
    "--panel",
    "panels",
    type=choice(PicturePanel),
    multiple=True,
    about="What to show, one panel each time; without, all that the result has.",
)
@option(
    "--panel-px",
    type=click.IntRange(50, 8000),
    default=520,
    about="Pixels of the longer side of a panel, at most.",
)
def draw(result: Path, output: Path | None, panels: tuple[PicturePanel, ...], panel_px: int) -> None:
    """Draw a saved result: amplitude, phase, coverage, spread, and where its frames are not explained."""
    from ptychoscope.io import load_reconstruction
    from ptychoscope.viz.overview import save_picture

    output = output or result.with_suffix(".png")
    check_outputs(reads=[("the result", result)], writes=[("--output", output)])
    check_picture(output)
    save_picture(load_reconstruction(result), output, panels=panels, panel_px=panel_px, name=result.name)
    click.echo(str(output))
