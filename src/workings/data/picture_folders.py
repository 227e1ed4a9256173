"""A folder with a folder for each class, and what else lies in it; or any folder of pictures, where no classes are asked for."""

import os
from dataclasses import dataclass
from pathlib import Path

from workings.data.encoded_pictures import Encoded
from workings.data.labeled import PARTS
from workings.data.picture_fitting import Found
from workings.data.pictures import SUFFIXES
from workings.data.tables import refuse_half_characters
from workings.errors import BadInput, counted

PICTURE_PARTS = PARTS | {"test": "test", "testing": "test"}
"""What folders are called that hold a part of the data, each with a folder for every class."""

NO_PICTURES = "not named like one"
NO_CLASS = "in no class folder"


@dataclass
class Listing:
    """What is in a folder and in the folders in it."""

    pictures: list[str]
    """Paths below the folder, in alphabetical order."""
    others: int
    """How many files are no pictures by their names."""


def picture_files(path: str | Path) -> list[str]:
    """The pictures of a folder and of the folders in it, in alphabetical order; a file is itself."""
    if not os.path.exists(path):
        raise BadInput(f"{str(path)!r} does not exist; name a picture or a folder of pictures.")
    if not os.path.isdir(path):
        return [str(path)]
    found = listed(Path(path), set()).pictures
    if not found:
        raise BadInput(f"{path} holds no pictures; files that end in {', '.join(sorted(SUFFIXES))} would be taken.")
    return [os.path.join(path, name) for name in found]


def read_folder(root: Path) -> dict[str, Found]:
    """The parts of a folder: itself, or its train, validation and test folders. Pictures in no class folder are left out and counted."""
    folders = folders_in(root)
    parts: dict[str, Path] = {}
    for name, path in folders.items():
        part = PICTURE_PARTS.get(name.strip().casefold())
        if part in parts:
            raise BadInput(f"{str(root)!r} has two folders for the {part} part, {parts[part].name!r} and {name!r}; rename or remove one of them.")
        if part:
            parts[part] = path
    if "train" in parts and folders_in(parts["train"]) and not own_pictures(parts["train"]):
        found = {part: read_classes(parts[part], {root}) for part in ("train", "validation", "test") if part in parts}
        beside = sum(len(listed(path, {root}).pictures) for path in folders.values() if path not in parts.values()) + len(own_pictures(root))
        refuse_one_class(parts["train"], found["train"].labels)
        if beside:
            found["train"].left_out["outside of the folders train, validation and test"] = beside
        return found
    if folders and len(parts) == len(folders):
        raise BadInput(
            f"{str(root)!r} has {' and '.join(map(repr, folders))}, but there must be a train folder with a folder for each class in it; "
            "sort the pictures into folders named after their classes."
        )
    found = read_classes(root, set())
    refuse_one_class(root, found.labels)
    return {"train": found}


def read_unlabeled(root: Path) -> dict[str, Found]:
    """The same without classes: every picture at any depth, with the label "". A train folder and those of validation and test are parts."""
    folders = folders_in(root)
    parts = {PICTURE_PARTS[name.strip().casefold()]: path for name, path in folders.items() if name.strip().casefold() in PICTURE_PARTS}
    found = {}
    for part, path in parts.items() if "train" in parts else [("train", root)]:
        listing = listed(path, set())
        if not listing.pictures:
            raise BadInput(f"{str(path)!r} holds no pictures; files that end in {', '.join(sorted(SUFFIXES))} would be taken.")
        files = Encoded(listing.pictures, lambda row, path=path, names=listing.pictures: os.path.join(path, names[row]))
        found[part] = Found(repr(str(path)), files, [""] * len(listing.pictures), {NO_PICTURES: listing.others} if listing.others else {})
    return found


def read_classes(root: Path, above: set[Path]) -> Found:
    """The pictures of a folder whose folders are classes; what is in the folders of a class belongs to it too, at any depth."""
    names, labels, empty = [], [], []
    others = 0
    for name, path in folders_in(root).items():
        found = listed(path, above | {root})
        label = name.strip()
        refuse_half_characters(label, f"the name of the folder {name!r} in {str(root)!r}")
        names += [f"{name}/{picture}" for picture in found.pictures]
        labels += [label] * len(found.pictures)
        others += found.others
        if not found.pictures:
            empty.append(name)
    loose = own_pictures(root)
    refuse_no_pictures(root, labels, loose)
    others += sum(not is_folder(entry) for entry in visible(root)) - len(loose)
    left_out = {why: number for why, number in ((NO_PICTURES, others), (NO_CLASS, len(loose))) if number}
    notes = [f"{counted(len(empty), 'class folder')} of {str(root)!r} without pictures: {', '.join(map(repr, empty[:5]))}."] if empty else []
    return Found(repr(str(root)), Encoded(names, lambda row: os.path.join(root, names[row])), labels, left_out, notes)


def refuse_no_pictures(root: Path, labels: list[str], loose: list[str]) -> None:
    """A folder without pictures, or with pictures that are in no class."""
    if not labels and not loose:
        raise BadInput(f"{str(root)!r} holds no pictures; give a folder with a folder for each class, with files that end in {', '.join(sorted(SUFFIXES))}.")
    if not labels:
        raise BadInput(f"{str(root)!r} holds {counted(len(loose), 'picture')}, but in no class folders; sort them into folders named after their classes.")


def refuse_one_class(root: Path, labels: list[str]) -> None:
    """Pictures that are all in one class folder, in which the classes may be."""
    if len(set(labels)) == 1:
        inner = next((path for name, path in folders_in(root).items() if name.strip() == labels[0] and len(folders_in(path)) > 1), None)
        advice = f"perhaps {str(inner)!r} is what you mean" if inner else "sort them into folders named after their classes"
        raise BadInput(f"All pictures of {str(root)!r} are in the one class folder {labels[0]!r}, but telling classes apart needs at least two; {advice}.")


def folders_in(root: Path) -> dict[str, Path]:
    """By name, in alphabetical order; hidden ones are left out."""
    return {entry.name: Path(entry.path) for entry in visible(root) if is_folder(entry)}


def own_pictures(root: Path) -> list[str]:
    """The pictures in a folder, but not those in its folders."""
    return [entry.name for entry in visible(root) if is_picture(entry.name) and not is_folder(entry)]


def listed(folder: Path, above: set[Path]) -> Listing:
    """A folder and the folders in it. Links to folders are followed, but no folder is entered twice, nor one of those above, so that links in a circle end."""
    seen = {identity(path) for path in (*above, folder)}
    pictures: list[str] = []
    others = 0
    waiting = [("", folder)] if identity(folder) not in {identity(path) for path in above} else []
    while waiting:
        prefix, path = waiting.pop()
        for entry in visible(path):
            if is_folder(entry):
                if identity(entry.path) not in seen:
                    seen.add(identity(entry.path))
                    waiting.append((f"{prefix}{entry.name}/", Path(entry.path)))
            elif is_picture(entry.name) and (entry.is_file() or entry.is_symlink()):  # a pipe by that name would be waited for
                pictures.append(prefix + entry.name)
            else:
                others += 1
    return Listing(sorted(pictures), others)


def visible(folder: Path) -> list[os.DirEntry]:
    """What is in a folder, by name, without what is hidden or only there for one system (`__MACOSX`)."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"The folder {str(folder)!r} cannot be listed: {error.strerror or error}; change its permissions or copy it.") from None


def is_folder(entry: os.DirEntry) -> bool:
    """A folder or a link to one; a link in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_picture(name: str) -> bool:
    """By what the name ends in."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def identity(path: str | Path) -> tuple[int, int]:
    """What tells a folder from every other one, whatever links lead to it."""
    info = os.stat(path)
    return info.st_dev, info.st_ino
