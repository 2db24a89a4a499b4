"""The command line: one file per command, each with one function of the command's name.

Command files import nothing heavy at their top, so that `ptychoscope --help` is quick and a command whose
optional extra is missing says so only when it is used.
"""

import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence

import click

from ptychoscope.cli.click_helpers import FileGroup
from ptychoscope.errors import PtychoscopeError, ScanWarning

COMMANDS = (
    "simulate",
    "train",
    "export",
    "adopt",
    "inspect",
    "diagnose",
    "run",
    "series",
    "live",
    "replay",
    "reprocess",
    "draw",
    "bench",
    "compare",
    "convert",
    "info",
)
"""Every command, in the order of `--help`; adding one is one word here and one file beside this one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0, 2 after bad input, 1 after a failure."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    app = build_app()
    with warnings.catch_warnings():
        warnings.simplefilter("always", ScanWarning)
        warnings.showwarning = _show_warning  # type: ignore[assignment]  # the rest is not shown
        try:
            typed = [a for a in arguments if a != "--debug"]
            app(typed, prog_name="ptychoscope", obj=shlex.join(["ptychoscope", *arguments]))
        except PtychoscopeError as error:
            if debug:
                traceback.print_exc()
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)
        except Exception as error:  # what nobody foresaw: one line here, all of it with --debug
            if debug:
                raise
            click.echo(f"Failure: {type(error).__name__}: {error} (--debug shows where)", err=True)
            sys.exit(1)


def build_app() -> click.Group:
    """The application with every command; `--debug` is taken out by `main`, wherever it stands."""
    app = FileGroup(
        package=__name__,
        files=COMMANDS,
        name="ptychoscope",
        help="Ptychography: the complex image of a scan by networks and a solver in C++.",
        params=[
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."
            )
        ],
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 100,
            "show_default": True,
        },
    )
    version = click.version_option(
        package_name="ptychoscope", message="%(version)s", help="Print the version and exit."
    )
    return version(app)


def _show_warning(message: Warning | str, *_: object) -> None:
    click.echo(f"Warning: {message}", err=True)
