"""What every command shares: how an app is made, how help looks, how settings are listed. Imports no torch."""

import dataclasses
import os
import sys
import textwrap
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter, Token

import workings
from workings.cli.help import WIDTH, Columns
from workings.errors import command
from workings.settings import field_docs, field_types
from workings.tasks.kinds import command_to_try


def make_app(name: str, *examples: str, help: str | None = None, details: str = "") -> App:
    """A command (its help is its function's docstring) or a group of commands, with examples below the help; boxes only on a terminal."""
    return App(
        name=name,
        help=help,
        help_epilogue=examples_text(*examples) + details,
        version=workings.__version__,
        version_flags=["--version"] if name == "workings" else [],
        help_format="plaintext",
        help_formatter="default" if sys.stdout.isatty() else Columns(),
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
    )


def whole(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number as it was typed; 1.5 is refused, not rounded."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].keyword} is {tokens[0].value!r}; it must be a whole number.") from None


Whole = Annotated[int, Parameter(converter=whole)]
MaybeWhole = Annotated[int | None, Parameter(converter=whole)]
Files = Annotated[list[str] | None, Parameter(allow_leading_hyphen=True)]
"""Names of files, of which - is standard input."""


def examples_text(*examples: str) -> str:
    """The examples as an indented block."""
    return "\n".join(["Examples:", *(f"  {example}" for example in examples)])


def settings_text(*sections: tuple[str, type], defaults: dict[str, Any] | None = None) -> str:
    """Every setting of every section with its default, its choices and its docstring, as `--set` takes them. defaults: those that differ, by dotted name."""
    return "".join(f"\n\n{_first_line(cls)}\n{_fields(section, cls, defaults or {})}" for section, cls in sections)


def _fields(section: str, cls: type, defaults: dict[str, Any]) -> str:
    docs, kinds = field_docs(cls), field_types(cls)
    lines = []
    for field in dataclasses.fields(cls):
        kind = kinds[field.name]
        if dataclasses.is_dataclass(kind):
            continue  # a section of its own
        choices = f" [choices: {', '.join(map(str, typing.get_args(kind)))}]" if typing.get_origin(kind) is typing.Literal else ""
        lines.append(f"  {section}.{field.name}={defaults.get(f'{section}.{field.name}', _default(field))}")
        lines.append(textwrap.fill(docs[field.name] + choices, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False))
    return "\n".join(lines)


def _first_line(cls: type) -> str:
    return textwrap.fill((cls.__doc__ or cls.__name__).partition("\n")[0], WIDTH)


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return "" if field.default is dataclasses.MISSING or field.default is None else field.default


def tell(folder: Path, task: str, quiet: bool) -> None:
    """Where a trained run is, and what can be done with it."""
    if not quiet and int(os.environ.get("RANK", 0)) == 0:
        verbs = (f"report {folder} --open", command_to_try(task, folder), f"resume {folder} --minutes 5")
        print("\n".join((f"Done, with a report: {folder}\n", *(f"  {command(verb)}" for verb in verbs if verb))))
