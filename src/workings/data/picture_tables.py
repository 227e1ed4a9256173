"""Pictures in tables: in the rows themselves (.parquet, the hub) or in files that the rows name."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workings.data.encoded_pictures import Encoded
from workings.data.files import kind_of
from workings.data.labeled import spelling
from workings.data.picture_fitting import Found
from workings.data.picture_folders import PICTURE_PARTS
from workings.data.tables import hub_splits, no_parquet, read_table
from workings.errors import BadInput, suggest

if TYPE_CHECKING:
    import pyarrow

PICTURES = ("picture", "image", "img", "file_name", "filename", "file", "path")
LABELS = ("label", "labels", "fine_label", "class")
"""What the columns of pictures and labels are called; the first that is there is taken."""


def read_hub(name: str, picture: str = "", label: str = "") -> dict[str, Found]:
    """The parts of a set of the hub; if none is to train with, the first is."""
    splits = hub_splits(*name.split(":", 1))
    names = {PICTURE_PARTS.get(str(split), ""): split for split in reversed(list(splits))}
    names.setdefault("train", next(iter(splits)))
    parts = {}
    for part in ("train", "validation", "test"):
        if part in names:
            rows = splits[names[part]]
            classes = {column: tuple(getattr(feature, "names", None) or ()) for column, feature in rows.features.items()}
            parts[part] = rows_of(rows.data.column, classes, picture, label, f"the data set {name!r} ({names[part]})")
    return parts


def read_picture_table(path: Path, picture: str = "", label: str = "") -> dict[str, Found]:
    """The rows of a table as one part. Names of files are taken from the folder of the table."""
    import pyarrow

    if kind_of(path) == ".parquet":
        whole, classes = open_parquet([path])
        return {"train": rows_of(whole.column, classes, picture, label, repr(str(path)), path.parent)}
    table = read_table(path)

    def column(name: str) -> "pyarrow.ChunkedArray":
        try:
            return pyarrow.chunked_array([table.column(name)])
        except pyarrow.ArrowException:
            raise BadInput(f"The column {name!r} of {table.where} holds values of several kinds; give names of files in one and labels in another.") from None

    return {"train": rows_of(column, dict.fromkeys(table.names, ()), picture, label, table.where, path.parent)}


def parquet_files(folder: Path) -> dict[str, list[Path]]:
    """The tables of a folder, as sets of the hub are kept (train-00000-of-00002.parquet; also in a folder `data`), by part."""
    found: dict[str, list[Path]] = {}
    for path in sorted([*folder.glob("*.parquet"), *folder.glob("data/*.parquet")]):
        found.setdefault(PICTURE_PARTS.get(re.split(r"[-_.]", path.name.lower())[0], "train"), []).append(path)
    return found


def read_parquet_folder(files: Mapping[str, list[Path]], picture: str = "", label: str = "") -> dict[str, Found]:
    """The parts of such a folder."""
    if "train" not in files:
        raise BadInput(f"{str(next(iter(files.values()))[0])!r} is not to be learned from, and there is no train-*.parquet beside it; add one.")
    parts = {}
    for part, paths in files.items():
        table, classes = open_parquet(paths)
        parts[part] = rows_of(table.column, classes, picture, label, f"{str(paths[0].parent)!r} ({part})", paths[0].parent)
    return parts


def open_parquet(paths: Sequence[Path]) -> tuple["pyarrow.Table", dict[str, Sequence[str]]]:
    """A table in one or several files, and for each column the names of the classes where `datasets` has noted them."""
    import pyarrow
    from pyarrow import parquet

    try:
        table = pyarrow.concat_tables([parquet.read_table(path, memory_map=True) for path in paths])
    except (pyarrow.ArrowException, OSError) as error:
        raise no_parquet(repr(str(paths[0])), error) from None
    features = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    classes = {column: feature.get("names") for column, feature in features.items() if isinstance(feature, dict)}
    return table, {column: classes.get(column) or () for column in table.column_names}


def rows_of(
    column: Callable[[str], "pyarrow.ChunkedArray"], classes: Mapping[str, Sequence[str]], picture: str, label: str, where: str, folder: Path | None = None
) -> Found:
    """The rows that have a picture and a label. classes: by column, what its numbers stand for. folder: from where names of files are taken."""
    pictures = column(chosen(classes, picture, PICTURES, "picture", where))
    label = chosen(classes, label, LABELS, "label", where)
    names, there = names_of(pictures, where)
    kept, labels, left_out = [], [], Counter()
    for row, value in enumerate(column(label).to_pylist()):
        if classes[label] and isinstance(value, int):
            value = classes[label][value] if 0 <= value < len(classes[label]) else None
        said = spelling(value, where, row + 1)
        if not there[row]:
            left_out["without a picture"] += 1
        elif not said:
            left_out["without a label"] += 1
        else:
            kept.append(row)
            labels.append(said)
    if not kept:
        raise BadInput(f"{where} has no row with a picture and a label; choose other columns with --picture and --label.")

    def get(place: int) -> str | bytes:
        row = kept[place]
        if there[row] == "file":
            return os.path.join(folder or "", names[row])
        value = pictures[row].as_py()
        return value["bytes"] if isinstance(value, dict) else value

    return Found(where, Encoded([names[row] or f"picture {row:,}" for row in kept], get), labels, dict(left_out))


def chosen(there: Mapping[str, Sequence[str]], name: str, usual: Sequence[str], what: str, where: str) -> str:
    """The column of that name, or the first with a usual one."""
    found = name if name in there else "" if name else next((one for one in usual if one in there), "")
    if not found:
        hint = suggest(name, there) if name else f"Say which one holds the {what}s with --{what} NAME."
        raise BadInput(f"{where} has the columns {', '.join(map(repr, there))}{f', but not {name!r}' if name else ''}. {hint}")
    return found


def names_of(pictures: "pyarrow.ChunkedArray", where: str) -> tuple[list[str], list[str]]:
    """What each picture is called, and whether it is in the row ("row"), in the file of that name ("file"), or missing ("")."""
    import pyarrow

    kind = pictures.type
    fields = dict(zip([field.name for field in kind], pictures.flatten(), strict=True)) if pyarrow.types.is_struct(kind) else {}
    if fields.keys() & {"bytes", "path"}:
        paths = fields["path"].to_pylist() if "path" in fields else [None] * len(pictures)
        held = fields["bytes"].is_valid().to_pylist() if "bytes" in fields else [False] * len(pictures)
        return [path or "" for path in paths], ["row" if inside else "file" if path else "" for inside, path in zip(held, paths, strict=True)]
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        names = [name or "" for name in pictures.to_pylist()]
        return names, ["file" if name else "" for name in names]
    if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        return [""] * len(pictures), ["row" if inside else "" for inside in pictures.is_valid().to_pylist()]
    raise BadInput(f"The column of pictures of {where} holds {kind} values, neither pictures nor names of files; choose another --picture.")
