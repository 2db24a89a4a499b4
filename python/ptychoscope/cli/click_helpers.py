"""How commands are declared: click, with help for arguments, headings over options, and files as commands."""

from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

Function = TypeVar("Function", bound=Callable[..., object])

PATH = click.Path(path_type=Path)
AT_LEAST_ONE, AT_LEAST_ZERO = click.IntRange(min=1), click.IntRange(min=0)


def choice(literal: object) -> "click.Choice[str]":
    """One of the words of a `Literal`."""
    return click.Choice(get_args(literal))


def command() -> Callable[[Callable[..., object]], click.Command]:
    """The function below, its name and its docstring as a command."""
    return click.command(cls=_Command)


def argument(name: str, about: str, **attributes: Any) -> Callable[[Function], Function]:
    """A path that is told by its place; `about` stands in the help."""
    return click.argument(name, cls=_Argument, about=about, **{"type": PATH, **attributes})


def option(
    *names: str, about: str | None = None, heading: str = "Options", **attributes: Any
) -> Callable[[Function], Function]:
    """What is told by name; `about` stands in the help, under `heading`."""
    return click.option(*names, cls=_Option, help=about, heading=heading, **attributes)


def word_option(name: str, literal: object, about: str, **attributes: Any) -> Callable[[Function], Function]:
    """An option that takes one of the words of a `Literal`."""
    return option(name, type=choice(literal), about=about, **attributes)


def option_group(
    name: str, fields: Callable[..., object], options: Sequence[Callable[..., Any]]
) -> Callable[[Function], Function]:
    """Options that belong together: the function gets them as a named tuple `fields(...)`, called `name`."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def called(**values: Any) -> object:
            taken = {key: values.pop(key) for key in fields._fields}  # type: ignore[attr-defined]
            return function(**{name: fields(**taken)}, **values)

        decorated: Any = called
        for add in reversed(options):
            decorated = add(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


class FileGroup(click.Group):
    """Commands, one per file of a package, each loaded when it is asked for."""

    def __init__(self, *, package: str, files: Sequence[str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.package, self.files = package, files

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order given."""
        return list(self.files)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name in the file of that name; an unknown name ends with the known ones."""
        if cmd_name not in self.files:
            if ctx.resilient_parsing or cmd_name.startswith("-"):
                return None
            ctx.fail(f"No such command {cmd_name!r}: choose from {', '.join(self.files)}.")
        found: click.Command = getattr(import_module(f"{self.package}.{cmd_name}"), cmd_name)
        return found


class _Argument(click.Argument):
    def __init__(self, names: Sequence[str], *, about: str, **attributes: Any) -> None:
        super().__init__(names, **attributes)
        self.about = about

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:  # noqa: ARG002
        return self.human_readable_name, self.about


class _Option(click.Option):
    def __init__(self, names: Sequence[str], *, heading: str, **attributes: Any) -> None:
        super().__init__(names, **attributes)
        self.heading = heading


class _Command(click.Command):
    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Nothing: what newer versions of click write here stands among the options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            heading = "Arguments" if isinstance(parameter, click.Argument) else "Options"
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "heading", heading), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


licence_option = option(
    "--licence", default="", show_default=False, about="Licence of the weights, kept in model.json."
)
"""What may be said of a bundle besides; the function gets `licence`."""
