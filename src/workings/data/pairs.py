"""Sentence pairs: from a table with a column a language, or from two files with a sentence a line (statement 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workings.data.builtin import BUILTIN
from workings.data.files import DECOMPRESS, kind_of, read_text
from workings.data.labeled import open_table
from workings.data.order import permutation
from workings.data.tables import SEPARATED, Table, read_table
from workings.errors import BadInput, command, counted

EMPTY = "with an empty side"
LABELS, REPEATED, WORDS = 100, 10, 3
"""A side is taken for labels if it has no more different texts than these, each comes so many times in the mean, and none has more words."""


@dataclass(frozen=True)
class Pairs:
    """Texts and their translations."""

    where: str
    languages: tuple[str, str]
    """What the columns are called."""
    sources: list[str]
    targets: list[str]
    left_out: dict[str, int] = field(default_factory=dict)
    """Why rows were left out, and how many."""

    def __len__(self) -> int:
        return len(self.sources)

    def of(self, chosen: Sequence[int], **left_out: int) -> "Pairs":
        """Some of them, by number."""
        return Pairs(self.where, self.languages, [self.sources[i] for i in chosen], [self.targets[i] for i in chosen], self.left_out | left_out)


def read_pairs(source: str, first: str = "", second: str = "", encoding: str = "utf-8") -> Pairs:
    """The pairs that `--data` names, in order; rows in which a side is empty are left out and counted.

    source: a table (a file, a built-in set, a set of the hub) with the columns first and second; or two files with a sentence a line, either PREFIX for
    PREFIX.first and PREFIX.second, compressed or not, or both names with a comma between them. Two numbers as columns mean a table without a line of names.
    """
    files = parallel_files(source, first, second)
    if files:
        table = parallel_table(*files, (first or "source", second or "target"), encoding)
    elif first.isdecimal() and second.isdecimal():
        table = unnamed_table(Path(source), encoding)
    else:
        table = open_table(source, encoding, "translation")
    first, second = languages_of(table, first, second)
    sources, targets = (texts_of(table, name) for name in (first, second))
    kept = [row for row in range(len(sources)) if sources[row] and targets[row]]
    if not kept:
        raise BadInput(f"{table.where} has no row with a text in both {first!r} and {second!r}; choose other columns with --source and --target.")
    pairs = Pairs(table.where, (first, second), sources, targets)
    return pairs.of(kept, **({EMPTY: len(sources) - len(kept)} if len(kept) < len(sources) else {}))


def parallel_files(source: str, first: str, second: str) -> tuple[Path, Path] | None:
    """The two files that `source` stands for; None if it stands for something else."""
    path = Path(source).expanduser()
    if path.is_file() or source in BUILTIN or source.startswith(("builtin:", "hub:")):
        return None
    one, comma, other = source.partition(",")
    if comma:
        return Path(one.strip()).expanduser(), Path(other.strip()).expanduser()
    found = [file_of(f"{path}.{side}") if side else None for side in (first, second)]
    if found[0] is not None and found[1] is not None:
        return found[0], found[1]
    endings = sorted(
        {file.name.removeprefix(path.name + ".").removesuffix(".gz").removesuffix(".xz") for file in path.parent.glob(f"{path.name}.*") if file.is_file()}
    )
    if not (first and second) and len(endings) > 1:
        some = ", ".join(f"{path}.{ending}" for ending in endings[:4])
        raise BadInput(f"There are {some}; say which are translations of one another, as in --source {endings[0]} --target {endings[1]}.")
    for here, missing in ((found[0], second), (found[1], first)):
        if here is not None:
            raise BadInput(f"There is {str(here)!r}, but no {f'{path}.{missing}'!r} beside it; two files of pairs are named alike but for the language.")
    return None


def file_of(name: str) -> Path | None:
    """The file of that name, or of that name with the suffix of a compression."""
    return next((path for suffix in ("", *DECOMPRESS) if (path := Path(name + suffix)).is_file()), None)


def parallel_table(one: Path, other: Path, names: tuple[str, str], encoding: str) -> Table:
    """Two files with a sentence a line as a table of two columns."""
    columns = [read_text(path, encoding).removesuffix("\n").split("\n") for path in (one, other)]
    counts = [len(column) for column in columns]
    if counts[0] != counts[1]:
        longer, line = (one, counts[1] + 1) if counts[0] > counts[1] else (other, counts[0] + 1)
        raise BadInput(
            f"{str(one)!r} has {counted(counts[0], 'line')}, but {str(other)!r} has {counts[1]:,}: line {line:,} of {str(longer)!r} has no translation; "
            "every line of one file must be the translation of the same line of the other."
        )
    return Table(f"{str(one)!r} and {str(other)!r}", names, dict(zip(names, columns, strict=True)).__getitem__)


def unnamed_table(path: Path, encoding: str) -> Table:
    """A table of separated values whose columns are numbered from 1."""
    if kind_of(path) not in SEPARATED:
        raise BadInput(f"Columns are numbered in .tsv and .csv tables only, and {str(path)!r} is none; name the columns with --source and --target.")
    return read_table(path, encoding, numbered=True)


def languages_of(table: Table, first: str, second: str) -> tuple[str, str]:
    """The columns of a table: those that are named, or the only two."""
    if first and second:
        if first == second:
            raise BadInput(f"--source and --target are both {first!r}; a text and its translation are in two columns.")
        return first, second
    names = list(table.names)
    if len(names) != 2 or first not in ("", names[0]) or second not in ("", names[1]):
        columns = ", ".join(map(repr, names))
        raise BadInput(f"{table.where} has the columns {columns}; say which to translate from and into with --source NAME and --target NAME.")
    if all(len(name.split()) > 2 for name in names):
        raise BadInput(
            f"The first line of {table.where} ({names[0]!r}, {names[1]!r}) looks like a pair of sentences, not like the names of two columns; "
            "say --source 1 --target 2 if it is one, or give both names."
        )
    return names[0], names[1]


def texts_of(table: Table, name: str) -> list[str]:
    """The texts of a column, without spaces around them; a missing one is empty. Sets of the hub may keep both languages in a column `translation`."""
    if name not in table.names and "translation" in table.names:
        both = table.column("translation")
        table = Table(table.where, (name,), lambda name: [row.get(name) for row in both])
    return [text.strip() for text in table.texts(name, blank=True)]


def refuse_labels(pairs: Pairs) -> None:
    """Refuse pairs of which a side has hardly any different texts, and short ones: classes are not translations."""
    for name, side in zip(pairs.languages, (pairs.sources, pairs.targets), strict=True):
        kinds = dict.fromkeys(side)
        if len(kinds) <= min(LABELS, len(pairs) // REPEATED) and max(len(text.split()) for text in kinds) <= WORDS:
            some = ", ".join(map(repr, list(kinds)[:4])) + ", ..." * (len(kinds) > 4)
            raise BadInput(
                f"The column {name!r} of {pairs.where} has only {counted(len(kinds), 'different text')} in {len(pairs):,} rows ({some}), which look like "
                f"labels and not like sentences; choose other columns with --source and --target, or learn the labels with `{command('train sentences')}`."
            )


def held_back(pairs: Pairs, part: float) -> tuple[Pairs, Pairs]:
    """The pairs to learn from and the `part` kept for validation, by a keyed permutation: the same for every seed."""
    if len(pairs) < 2:
        raise BadInput(f"{pairs.where} has {counted(len(pairs), 'pair')}, which cannot be both learned and validated; give more, or a --validation of its own.")
    order = permutation(len(pairs), 0, 0)
    count = min(max(1, round(part * len(pairs))), len(pairs) - 1)
    return pairs.of(sorted(order[count:].tolist())), pairs.of(sorted(order[:count].tolist()))
