"""Where texts come from: a file, a folder, a pattern, a table's column, a built-in set, or the hub - one function for all."""

import glob
import os
import re
from pathlib import Path

from workings.data.builtin import BUILTIN, FOLDER, builtin_path, find_builtin
from workings.data.files import DECOMPRESS, Binary, kind_of, read_text
from workings.data.tables import TABLES, hub_table, read_table
from workings.errors import BadInput, counted, suggest

HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
TEXTS = (".txt", ".text", ".md", ".json", ".html", ".xml", ".tex", ".rst", ".py", ".pdf", ".zip", *TABLES, *DECOMPRESS)
"""A name that ends in one of these means a file, even when there is none; other names may be the hub's."""


def read_documents(data: str | os.PathLike, column: str | None = None, encoding: str = "utf-8") -> list[str]:
    r"""The texts that `data` names, as a list of documents, none of them blank. In this order, `data` is

    1. `builtin:NAME`, a set that comes with the package; `hub:OWNER/NAME` or `hub:OWNER/NAME:CONFIGURATION`, a set of the hub;
    2. a file: .jsonl, .csv, .tsv and .parquet are tables, one document a row of `column`; every other suffix is text, one document a file;
       .gz and .xz after any of these are decompressed;
    3. a folder: all its files, those in folders below too, sorted by path; hidden, empty and binary ones are left out;
    4. the bare name of a built-in set;
    5. a pattern like `books/**/*.txt`: its files, sorted by path; `**` stands for folders of any depth;
    6. a name of the hub, `owner/name`.

    With `column`, only the tables of a folder or a pattern are read; without it, a table's `text` column, or its only one.
    Line ends \r\n and \r become \n, and a byte order mark is taken away, so the same text gives the same tokens wherever it was saved.
    Whatever is wrong raises `BadInput`.
    """
    data = str(data)
    start, _, name = data.partition(":")
    if start == "builtin":
        return _builtin_documents(name, column)
    if start == "hub":
        return hub_table(*name.split(":", 1)).texts(column)
    path = Path(data).expanduser()
    if not data.strip():
        raise BadInput("The name of the data is empty; give a file, a folder, or a built-in set such as 'pride'.")
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path)))
        return _documents_of_files(files, f"the folder {data!r}", column, encoding)
    if path.exists():
        return _documents_of_file(path, column, encoding)
    if data in BUILTIN:
        return _builtin_documents(data, column)
    if glob.has_magic(data):
        # The standard library's glob, unlike pathlib's, takes absolute patterns, and a relative one without a folder to begin from.
        files = sorted(Path(file) for file in glob.glob(str(path), recursive=True) if Path(file).is_file())
        if not files:
            raise BadInput(f"No file matches the pattern {data!r}; check it, and put it in quotes so that the shell leaves it alone.")
        return _documents_of_files(files, f"the pattern {data!r}", column, encoding)
    return _documents_from_hub(data, column)


def _documents_from_hub(data: str, column: str | None) -> list[str]:
    """What is left: a set of the hub, or a mistyped file or built-in set."""
    if kind_of(Path(data)) in TEXTS or not HUB_NAME.fullmatch(data):
        raise BadInput(f"There is no file or folder {data!r} (looked for it in {str(Path.cwd())!r}); check the path.")
    advice = suggest(data, BUILTIN)
    if "/" not in data and advice.startswith("Did you mean"):
        raise BadInput(f"There is no file, folder or built-in set {data!r}. {advice}")
    return hub_table(data).texts(column)


def _builtin_documents(name: str, column: str | None) -> list[str]:
    found = find_builtin(name)
    if found.unit == "pictures":
        raise BadInput(f"The built-in set {name!r} holds pictures, not text; give a text such as 'pride'.")
    if found.columns:
        return read_table(FOLDER / found.path, header=found.columns).texts(column)
    return read_documents(builtin_path(name), column)


def _documents_of_file(path: Path, column: str | None, encoding: str) -> list[str]:
    if kind_of(path) in TABLES:
        return read_table(path, encoding).texts(column)
    if column is not None:
        raise BadInput(f"{str(path)!r} is plain text and has no column {column!r}; leave --column away, or give one of {', '.join(TABLES)}.")
    text = read_text(path, encoding)
    if not text.strip():
        raise BadInput(f"{str(path)!r} is empty; give a file with text in it.")
    return [text]


def _documents_of_files(files: list[Path], where: str, column: str | None, encoding: str) -> list[str]:
    """The documents of many files; those that hold no text are passed over as long as some do."""
    if column is not None:
        files = [file for file in files if kind_of(file) in TABLES]
    documents = []
    for file in files:
        if kind_of(file) in TABLES:
            documents += read_table(file, encoding).texts(column)
            continue
        try:
            text = read_text(file, encoding)
        except Binary:
            continue
        if text.strip():
            documents.append(text)
    if not documents:
        what = "table (" + ", ".join(TABLES) + ")" if column is not None else "text"
        raise BadInput(f"There is no {what} in {where} ({counted(len(files), 'file')}, empty or binary); give another one.")
    return documents


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
