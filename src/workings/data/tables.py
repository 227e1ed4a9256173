"""Tables of examples - .jsonl, .csv, .tsv, .parquet, or a data set from the hub - behind one small class."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from workings.data.files import decode_text, kind_of, read_bytes
from workings.errors import BadInput, counted, suggest

if TYPE_CHECKING:
    import datasets

SEPARATED = (".csv", ".tsv")
TABLES = (".jsonl", *SEPARATED, ".parquet")


@dataclass(frozen=True)
class Table:
    """Named columns of equal length; `get(name)` reads one of them."""

    where: str
    names: Sequence[str]
    get: Callable[[str], list]

    def column(self, name: str) -> list:
        """All values of one column, in the order of the rows."""
        if name not in self.names:
            hint = suggest(name, self.names)
            there = f" The columns are {', '.join(map(repr, self.names))}." if hint.startswith("Did you mean") else ""
            raise BadInput(f"{self.where} has no column {name!r}. {hint}{there}")
        return self.get(name)

    def texts(self, name: str | None = None, blank: bool = False) -> list[str]:
        """The texts of a column; missing and blank ones are left out, or with `blank` empty. Without a name: `text`, or the only column there is."""
        if name is None:
            name = self._the_column_of_text()
        found = []
        for row, value in enumerate(self.column(name), start=1):
            if value is None:
                value = ""
            if not isinstance(value, str):
                raise BadInput(f"Column {name!r} of {self.where} holds {type(value).__name__} values (row {row:,}), not text; choose another column.")
            refuse_half_characters(value, f"row {row:,} of column {name!r} of {self.where}")
            if blank or value.strip():
                found.append(value)
        if not any(map(str.strip, found)):
            raise BadInput(f"Column {name!r} of {self.where} holds no text; choose another column or another file.")
        return found

    def _the_column_of_text(self) -> str:
        if "text" in self.names:
            return "text"
        if len(self.names) == 1:
            return self.names[0]
        columns = ", ".join(map(repr, self.names))
        raise BadInput(f"{self.where} has the columns {columns}; say which one to read with --column NAME.")


def read_table(path: Path, encoding: str = "utf-8", header: Sequence[str] = (), numbered: bool = False) -> Table:
    """The table in a file, read by its suffix. Of a .csv or .tsv that has no first line of names, `header` names the columns, or they are `numbered` from 1."""
    where, kind = repr(str(path)), kind_of(path)
    raw = read_bytes(path)
    if kind == ".parquet":
        return _parquet(raw, where)
    text = decode_text(raw, where, encoding)
    if not text.strip():
        raise BadInput(f"{where} is empty; give a file with rows in it.")
    return _jsonl(text, where) if kind == ".jsonl" else _separated(text, where, kind, header, numbered)


def hub_table(name: str, configuration: str | None = None) -> Table:
    """A data set from the hub: its `train` split, or else its first."""
    splits = hub_splits(name, configuration)
    rows = splits["train"] if "train" in splits else next(iter(splits.values()))
    return Table(f"the data set {name!r}", rows.column_names, lambda column: list(rows[column]))


def hub_splits(name: str, configuration: str | None = None) -> "datasets.DatasetDict":
    """The parts of a data set from the hub, or from the cache of `datasets` when HF_HUB_OFFLINE is set."""
    try:
        import datasets
    except ImportError:
        raise BadInput(f"Reading {name!r} from the hub needs the package datasets; install it with: pip install datasets") from None
    try:
        return datasets.load_dataset(name, configuration)
    except (OSError, ValueError, RuntimeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise BadInput(
            f"The data set {name!r} could not be read from the hub ({reason.rstrip('.')}), and there is no file, folder or built-in set of that name; "
            "check the name and the network, or give a local file."
        ) from None


def _jsonl(text: str, where: str) -> Table:
    rows = []
    # Only \n ends a line: JSON strings may hold the line separators U+2028 and U+2029 as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadInput(f"Line {number:,} of {where} is not JSON: {error}; correct or remove that line.") from None
        if not isinstance(row, dict):
            raise BadInput(f'Line {number:,} of {where} is not a JSON object like {{"text": "..."}} but a {type(row).__name__}; correct that line.')
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table(where, names, lambda column: [row.get(column) for row in rows])


def _separated(text: str, where: str, kind: str, header: Sequence[str], numbered: bool) -> Table:
    """Comma-separated text has quotes (RFC 4180); tab-separated text has none, so a quote there is a character like any other."""
    rows = _rows(text, where, kind)
    if numbered:
        first = next(rows)
        rows, header = chain([first], rows), [str(number) for number in range(1, len(first[1]) + 1)]
    names = list(header) or next(rows)[1]
    if len(set(names)) < len(names):
        raise BadInput(f"{where} has two columns of the same name in its first line ({', '.join(names)}); rename one of them.")
    columns: dict[str, list[str]] = {name: [] for name in names}
    for number, row in rows:
        if len(row) != len(names):
            raise BadInput(
                f"Line {number:,} of {where} has {counted(len(row), 'field')} where {len(names)} are expected ({', '.join(names)}); correct that line."
            )
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    return Table(where, names, columns.__getitem__)


def _rows(text: str, where: str, kind: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its last line."""
    csv.field_size_limit(sys.maxsize)
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if kind == ".tsv" else csv.reader(lines, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"Line {reader.line_num:,} of {where} is not well-formed: {error}; correct that line.") from None


def _parquet(raw: bytes, where: str) -> Table:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(raw))
    except (pyarrow.ArrowException, OSError) as error:
        raise no_parquet(where, error) from None
    return Table(where, file.schema_arrow.names, lambda column: file.read([column]).column(0).to_pylist())


def no_parquet(where: str, error: Exception) -> BadInput:
    """What is said of a file that is no Parquet table."""
    reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
    return BadInput(f"{where} is not a Parquet table ({reason}); it may be truncated: copy or download it again.")


def refuse_half_characters(text: str, where: str) -> None:
    r"""JSON can spell half of a character, as in "\ud83d", which no encoding can write."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{where[0].upper() + where[1:]} holds half a character (U+{ord(text[error.start]):04X}); correct that row.") from None
