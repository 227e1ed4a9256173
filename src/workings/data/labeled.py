"""Labeled texts from a table: the columns, the classes, what is left out and why, and the split (statement 3.1)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workings.data.builtin import BUILTIN, FOLDER, find_builtin
from workings.data.files import kind_of
from workings.data.order import permutation
from workings.data.sources import HUB_NAME, TEXTS
from workings.data.tables import TABLES, Table, hub_table, read_table, refuse_half_characters
from workings.errors import BadInput, counted, suggest

PARTS = {"train": "train", "training": "train"} | dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
"""What a column that says the split may hold; rows with anything else are left out."""


@dataclass(frozen=True)
class Labeled:
    """Texts and their labels, as they stand in a table."""

    where: str
    texts: list[str]
    labels: list[str]
    parts: list[str] | None = None
    """The part that each belongs to, where a column says it."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Why rows were left out, and how many."""
    spaced: int = 0
    """How many labels had spaces around them, which were taken away."""

    def of(self, chosen: Sequence[int]) -> "Labeled":
        """Some of them, by number."""
        return Labeled(self.where, [self.texts[i] for i in chosen], [self.labels[i] for i in chosen], None, self.left_out, self.spaced)


def open_table(source: str, encoding: str = "utf-8", job: str = "sentences") -> Table:
    """The table that `--data` names: a file, a built-in set (`movies`, `builtin:movies`), or a set of the hub (`owner/name`, `hub:owner/name:part`).

    job: for which built-in sets are suggested.
    """
    start, _, name = source.partition(":")
    if start == "hub":
        return hub_table(*name.split(":", 1))
    path = Path(source).expanduser()
    if path.is_file() and start != "builtin":
        if kind_of(path) not in TABLES:
            raise BadInput(f"{source!r} is no table, so it has no labels; give one of {', '.join(TABLES)}.")
        return read_table(path, encoding)
    if start == "builtin" or source in BUILTIN:
        name = name or source
        found = find_builtin(name)
        if not found.columns:
            raise BadInput(f"The built-in set {name!r} is no table, so it has no labels; give one that is, such as 'movies'.")
        return read_table(FOLDER / found.path, header=found.columns)
    if path.is_dir():
        raise BadInput(f"{source!r} is a folder, where a table is wanted; give one of {', '.join(TABLES)}.")
    if kind_of(path) in TEXTS or not HUB_NAME.fullmatch(source):
        raise BadInput(f"There is no table {source!r} (looked for a file of that name in {str(Path.cwd())!r}); check the path.")
    if "/" not in source:
        raise BadInput(f"There is no file or built-in set {source!r}. {suggest(source, [name for name, one in BUILTIN.items() if one.job == job])}")
    return hub_table(source)


def read_labeled(source: str, text: str = "", label: str = "", split: str = "", encoding: str = "utf-8") -> Labeled:
    """The rows of a table that have a text and a label, in order.

    text, label: the columns; without a name, those called `text` and `label`. split: a column that says which part a row belongs to.
    Spaces around a label are taken away and counted. Rows without a text or a label are left out and counted.
    """
    table = open_table(source, encoding)
    texts, labels = column(table, text, "text"), column(table, label, "label")
    parts = table.column(split) if split else [None] * len(texts)
    kept: list[tuple[str, str, str]] = []
    left_out: Counter[str] = Counter()
    spaced = 0
    for row, (one, said, part) in enumerate(zip(texts, labels, parts, strict=True), start=1):
        if one is not None and not isinstance(one, str):
            raise BadInput(f"The column of texts of {table.where} holds {type(one).__name__} values (row {row:,}); choose another --text.")
        refuse_half_characters(one or "", f"row {row:,} of {table.where}")
        spelled = spelling(said, table.where, row)
        if one is None or not one.strip():
            left_out["without a text"] += 1
        elif not spelled:
            left_out["without a label"] += 1
        elif split and str(part).strip().lower() not in PARTS:
            left_out[f"{split} = {part}"] += 1
        else:
            kept.append((one, spelled, PARTS[str(part).strip().lower()] if split else ""))
            spaced += str(said) != spelled
    if not kept:
        raise BadInput(f"{table.where} has no row with a text and a label{said_of(left_out)}; choose other columns with --text and --label.")
    texts, labels, parts = (list(some) for some in zip(*kept, strict=True))
    return Labeled(table.where, texts, labels, parts if split else None, dict(left_out), spaced)


def column(table: Table, name: str, usual: str) -> list:
    """A column by its name, or the one with the usual name."""
    if not name and usual not in table.names:
        raise BadInput(f"{table.where} has the columns {', '.join(map(repr, table.names))}; say which one holds the {usual}s with --{usual} NAME.")
    return table.column(name or usual)


def spelling(label: Any, where: str, row: int) -> str:
    """A label as text, without spaces around it; empty for a missing one."""
    if label is None:
        return ""
    if not isinstance(label, (str, int, float)):
        raise BadInput(f"The column of labels of {where} holds {type(label).__name__} values (row {row:,}); choose another --label.")
    refuse_half_characters(str(label), f"row {row:,} of {where}")
    return str(label).strip()


def said_of(left_out: dict[str, int], noun: str = "row") -> str:
    """ " (left out: 2 rows without a text)", or nothing."""
    reasons = ", ".join(f"{counted(number, noun)} {why}" for why, number in left_out.items())
    return f" (left out: {reasons})" if reasons else ""


def class_names(labels: Sequence[str], where: str) -> tuple[str, ...]:
    """The classes: in the order of their numbers if all are numbers, else of their letters; whatever the order of the rows."""
    counts = Counter(labels)
    if len(counts) < 2:
        raise BadInput(f"Every label in {where} is {next(iter(counts))!r}; telling classes apart needs at least two, so choose another --label or more data.")
    if len(counts) > 20 and len(counts) > len(labels) / 4:
        raise BadInput(
            f"{where} has {len(counts):,} different labels for {len(labels):,} examples, hardly classes; give more of each, or choose another --label."
        )
    folded: dict[str, str] = {}
    for name in sorted(counts):
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise BadInput(
                f"The labels {other!r} ({counted(counts[other], 'row')}) and {name!r} ({counts[name]:,}) in {where} differ in case only; "
                "spell them alike if they are one class, or rename one of them."
            )
    return tuple(sorted(counts, key=order_of(counts)))


def refuse_unknown(labels: Sequence[str], names: Sequence[str], where: str, what: str) -> None:
    """Refuse a label that has not been learned. what: of which the labels are."""
    for label in Counter(labels):
        if label not in names:
            raise BadInput(f"The label {label!r} in {where} is not among those of the training {what}. {suggest(label, names)}")


def order_of(names: Counter[str]) -> Callable[[str], Any]:
    """What classes are sorted by."""
    try:
        numbers = {name: float(name) for name in names}
    except ValueError:
        return str
    return lambda name: (numbers[name], name)


def stratified(labels: Sequence[str], part: float, where: str) -> tuple[list[int], list[int]]:
    """The rows to learn from and the `part` kept for validation, of every class alike, by a keyed permutation of each class: the same for every seed."""
    members: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        members.setdefault(label, []).append(row)
    kept: list[int] = []
    for number, name in enumerate(sorted(members)):
        rows = members[name]
        if len(rows) < 2:
            raise BadInput(
                f"The class {name!r} has 1 example in {where}, so it cannot be both learned and validated; "
                "give more of it, leave it out, or name a --validation file."
            )
        order = permutation(len(rows), 0, number)
        kept += [rows[place] for place in order[: min(max(1, round(part * len(rows))), len(rows) - 1)]]
    held = set(kept)
    return [row for row in range(len(labels)) if row not in held], sorted(kept)
