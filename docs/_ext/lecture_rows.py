"""The table of docs/lectures.md as rows: what the pages are made from and the house tests read."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One statement of the lectures; but for the first two, cells name things in backticks."""

    id: str
    """Such as 1.2d, or 3.1 (task) where one statement has several rows."""
    statement: str
    code: str
    blackboard: str
    tests: str
    studies: str

    @property
    def of(self) -> str:
        """The id of the lectures that the row is about: 3.1 of "3.1 (task)"."""
        return self.id.partition(" ")[0]

    @property
    def anchor(self) -> str:
        """Where it stands on its page: s-3-1-task."""
        return "s-" + re.sub(r"[^0-9a-z]+", "-", self.id.lower()).strip("-")


def read_rows(text: str) -> list[Row]:
    """The rows of the table, in the order in which they stand."""
    lines = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    return [Row(*(cell.strip() for cell in line.removeprefix("|").removesuffix("|").split(" |"))) for line in lines]


def named(cell: str) -> list[str]:
    """What stands in backticks.

    >>> named('`layers.positions.lecture`, `position="lecture"`')
    ['layers.positions.lecture', 'position="lecture"']
    """
    return re.findall(r"`([^`]+)`", cell)


def readings(text: str) -> dict[str, str]:
    """Statement id -> how it is read where it is ambiguous: the paragraphs that begin with its number in bold."""
    return {match[1]: match[2].strip() for match in re.finditer(r"^\*\*([\d.]+[a-e]?)\.\*\* (.*?)(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)}
