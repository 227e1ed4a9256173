"""Pictures with captions (5.3c): the built-in emoji, shapes drawn by code, files that list captions, names of files, or sentences made of classes."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from workings.data.builtin import builtin_path
from workings.data.caption_files import captions_beside
from workings.data.encoded_pictures import Watch
from workings.data.files import kind_of
from workings.data.labeled_pictures import LabeledPictures, PictureParts
from workings.data.order import permutation
from workings.data.picture_fitting import Found, fit_parts
from workings.data.picture_sources import read_pictures
from workings.data.shapes import shape_pictures
from workings.data.tables import TABLES, read_table
from workings.errors import BadInput, counted

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMES, TEXTS = ("file_name", "file", "picture", "image"), ("text", "caption", "prompt")
"""Columns of a table of captions."""
SHAPES_LEARNED, SHAPES_HELD = 12_000, 600
UNCAPTIONED, UNSEEN = "without a caption", "captions without a picture"


def read_captioned(
    source: str, captions: str = "", *, size: Sequence[int] = (), channels: int = 0, validation: float = 0.1, strict: bool = False, watch: Watch | None = None
) -> PictureParts:
    """Pictures whose labels are captions, those to learn from and those to validate with. `source` is `emoji`, `shapes`, or what `read_pictures` reads.

    captions: a table (.jsonl, .csv, ...) with names of files and texts, beside the pictures or anywhere; "names" makes them of the names of files, "red apple"
    of red_apple_2.png; "labels" of classes, as "a handwritten seven"; empty takes captions.jsonl or metadata.jsonl in the folder, else the names of its files,
    and for what is no folder "labels".
    """
    if source in ("shapes", "builtin:shapes"):
        return shape_parts()
    if source in ("emoji", "builtin:emoji"):
        found = fit_parts({"train": emoji()}, size, channels, None, strict, watch)
        return split(found, validation)
    captions = captions or usual(source)
    if captions == "labels":
        found = read_pictures(source, size=size, channels=channels, strict=strict, watch=watch)
        return split(each(found, lambda part: said_by_class(part, Path(source).name.lower() == "mnist")), validation)
    table = captions_of(Path(captions).expanduser()) if captions != "names" else {}  # before pictures are read, which takes longer
    found = read_pictures(source, size=size, channels=channels, strict=strict, watch=watch, labeled=False)
    if captions == "names":
        return split(each(found, lambda part: replace(part, labels=[said_by_name(part.name_of(row)) for row in range(len(part))])), validation)
    taken: set[str] = set()
    found = each(found, lambda part: with_captions(part, table, taken, strict))
    missing = sorted(set(table) - taken)
    if missing:
        told = f"{counted(len(missing), 'caption')} of {captions} without a picture: {', '.join(map(repr, missing[:3]))}{' ...' if len(missing) > 3 else ''}."
        if strict:
            raise BadInput(told + " Leave them out, or leave --strict out.")
        found = replace(found, notes=(*found.notes, told))
    return split(found, validation)


def each(found: PictureParts, change: Callable[[LabeledPictures], LabeledPictures]) -> PictureParts:
    """The same change to every part that there is."""
    held, tested = (change(part) if part else None for part in (found.validation, found.test))
    return replace(found, train=change(found.train), validation=held, test=tested)


def usual(source: str) -> str:
    """Where captions come from when nobody says."""
    return captions_beside(source) or ("names" if Path(source).expanduser().is_dir() else "labels")


def emoji() -> Found:
    """The built-in emoji on white, with their names in lower case."""
    folder = builtin_path("emoji")
    items = json.loads((folder / "noto_emoji_32.json").read_text(encoding="utf-8"))["items"]
    with np.load(folder / "noto_emoji_32_rgb_white.npz") as arrays:
        pictures = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
    return Found("the built-in set 'emoji'", pictures, [item["name"].lower() for item in items])


def shape_parts() -> PictureParts:
    """Shapes to learn from, and to validate with others whose pairs are in no picture that is learned from."""
    parts = []
    for count, held_out in ((SHAPES_LEARNED, False), (SHAPES_HELD, True)):
        pictures, captions = shape_pictures(count, held_out)
        where = "shapes drawn by code" + " (pairs that are not learned from)" * held_out
        parts.append(fit_parts({"train": Found(where, pictures, captions)}))
    learned, held = parts
    return PictureParts(learned.train, held.train, None, learned.preparation, learned.notes)


def said_by_class(part: LabeledPictures, digits: bool) -> LabeledPictures:
    """Sentences of classes: handwritten digits, or other names with their article. Other numbers say nothing, and are refused."""
    labels = set(part.labels)
    if not digits and all(label.isdecimal() for label in labels):
        raise BadInput(f"The classes of {part.where} are numbers, of which no caption can be made; give a table of captions with --captions.")
    said = {label: f"a handwritten {DIGITS[int(label)]}" if digits else with_article(words(label)) for label in labels}
    return replace(part, labels=[said[label] for label in part.labels])


def with_article(name: str) -> str:
    """A class's name as a caption; plurals stay as they are.

    >>> with_article("ankle boot"), with_article("dress"), with_article("trousers")
    ('an ankle boot', 'a dress', 'trousers')
    """
    plural = name.endswith("s") and not name.endswith("ss")
    return name if plural else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def said_by_name(file: str) -> str:
    """The words of a file's name, without a number at its end.

    >>> said_by_name("fruit/red_apple-02.png")
    'red apple'
    """
    return re.sub(r"[\s(]*\d+\)?$", "", words(Path(file).stem)).strip() or words(Path(file).stem)


def words(name: str) -> str:
    """Words that are joined in a name, apart and in lower case.

    >>> words("T-shirt/top"), words("redApple_2")
    ('t-shirt top', 'red apple 2')
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[_/]+|-(?=\d)|(?<=\w{3})-(?=\w{3})", " ", apart).lower().split())


def captions_of(path: Path) -> dict[str, str]:
    """Captions by the names of their files."""
    if not path.is_file():
        raise BadInput(f"There is no file of captions {str(path)!r}; give one with a file_name and a text in each row, or say --captions names or labels.")
    if kind_of(path) not in TABLES:
        raise BadInput(f"{str(path)!r} is no table of captions; give one of {', '.join(TABLES)}.")
    table = read_table(path)
    names, texts = (next((name for name in usual if name in table.names), "") for usual in (NAMES, TEXTS))
    if not (names and texts):
        raise BadInput(f"{str(path)!r} has the columns {', '.join(map(repr, table.names))}; name one {NAMES[0]!r} and one {TEXTS[0]!r}.")
    rows = zip(table.column(names), table.column(texts), strict=True)
    return {str(name): " ".join(str(text).split()) for name, text in rows if name and text}


def with_captions(part: LabeledPictures, table: dict[str, str], taken: set[str], strict: bool) -> LabeledPictures:
    """The pictures that have a caption, found by their path below the folder or by their name alone; `taken` is told which captions were used."""
    keys = [next((key for key in (part.name_of(row), Path(part.name_of(row)).name) if key in table), "") for row in range(len(part))]
    taken |= set(keys)
    rows = [row for row, key in enumerate(keys) if key]
    lost = [part.name_of(row) for row, key in enumerate(keys) if not key]
    if not rows or (lost and strict):
        raise BadInput(f"{counted(len(lost), 'picture')} of {part.where} without a caption: {', '.join(map(repr, lost[:3]))}{' ...' if len(lost) > 3 else ''}.")
    left_out = part.left_out | ({UNCAPTIONED: len(lost)} if lost else {})
    return replace(part.of(rows), labels=[table[keys[row]] for row in rows], left_out=left_out)


def split(found: PictureParts, validation: float) -> PictureParts:
    """A part of the pictures kept for validation where there is none: the same for every seed."""
    if found.validation:
        return found
    count = len(found.train)
    if count < 2:
        raise BadInput(f"{found.train.where} has one picture with a caption; learning to draw needs many, and at least two.")
    order = torch.from_numpy(permutation(count, 0, 0).copy())
    kept = min(max(1, round(validation * count)), count - 1)
    return replace(found, train=found.train.of(order[kept:].sort().values), validation=found.train.of(order[:kept].sort().values))
