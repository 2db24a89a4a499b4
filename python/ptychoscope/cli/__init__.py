"""The command line: one file per command, each with one function of the command's name.

Command files import nothing heavy at their top, so that `ptychoscope --help` is quick and a command whose
optional extra is missing says so only when it is used.
"""

import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Annotated

import typer

from ptychoscope.errors import PtychoscopeError, ScanWarning

COMMANDS = ("simulate", "train", "export", "adopt", "run", "bench", "compare", "info")
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
            app([a for a in arguments if a != "--debug"], prog_name="ptychoscope")
        except PtychoscopeError as error:
            if debug:
                traceback.print_exc()
            typer.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)
        except Exception as error:  # what nobody foresaw: one line here, all of it with --debug
            if debug:
                raise
            typer.echo(f"Failure: {type(error).__name__}: {error} (--debug shows where)", err=True)
            sys.exit(1)


def build_app() -> typer.Typer:
    """The application with every command."""
    app = typer.Typer(
        name="ptychoscope",
        help="See the sample while the scan runs: train, export and run ptychographic networks.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in COMMANDS:
        command = getattr(import_module(f"{__name__}.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(metadata.version("ptychoscope"))
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of the program; `--debug` is taken out by `main`, wherever it stands."""


def _show_warning(message: Warning | str, *_: object) -> None:
    typer.echo(f"Warning: {message}", err=True)
