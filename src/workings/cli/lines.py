"""Texts as verbs take them: those typed, then the lines of files."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from workings.errors import BadInput


def lines_of(texts: tuple[str, ...], files: list[str]) -> Iterator[str]:
    """The texts, then the lines of the files, one after another as they are wanted."""
    yield from texts
    for name in files:
        with nullcontext(sys.stdin) if name == "-" else Path(name).open(encoding="utf-8", newline="\n") as file:
            try:
                for line in file:
                    yield line.removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise BadInput(f"{name} is not UTF-8 ({error.reason}); save it as UTF-8.") from error
