"""Where labeled pictures come from: folders, arrays, tables, the built-in set, or sets by their name - one function for all (statements 4.1-4.3)."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workings.data.builtin import BUILTIN, builtin_path, find_builtin
from workings.data.cache import cache_folder, written_whole
from workings.data.encoded_pictures import Watch
from workings.data.files import kind_of
from workings.data.labeled import class_names, refuse_unknown
from workings.data.labeled_pictures import PictureParts
from workings.data.picture_arrays import cifar_files, idx_files, read_cifar, read_idx_file, read_idx_folder, read_npz
from workings.data.picture_fitting import Found, fit_parts
from workings.data.picture_folders import read_folder, read_unlabeled
from workings.data.picture_settings import CIFAR10_CLASSES, FASHION_CLASSES, Preparation
from workings.data.picture_tables import parquet_files, read_hub, read_parquet_folder, read_picture_table
from workings.data.pictures import SUFFIXES
from workings.data.sources import HUB_NAME
from workings.data.tables import TABLES
from workings.errors import BadInput, suggest


class Known(NamedTuple):
    """A set that everybody knows."""

    hub: str
    picture: str
    label: str
    classes: Sequence[str]
    """Of an .npz that does not say them."""


KNOWN = {
    "mnist": Known("ylecun/mnist", "image", "label", ()),
    "fashion-mnist": Known("zalando-datasets/fashion_mnist", "image", "label", FASHION_CLASSES),
    "cifar10": Known("uoft-cs/cifar10", "img", "label", CIFAR10_CLASSES),
    "cifar100": Known("uoft-cs/cifar100", "img", "fine_label", ()),
}
"""Sets by name: where the hub has them, and in which columns."""


def read_pictures(
    source: str | os.PathLike,
    *,
    size: Sequence[int] = (),
    channels: int = 0,
    picture: str = "",
    label: str = "",
    how: Preparation | None = None,
    strict: bool = False,
    watch: Watch | None = None,
    labeled: bool = True,
) -> PictureParts:
    """The labeled pictures that `source` names, in the parts that it keeps apart itself. In this order, `source` is

    1. `builtin:fashion`, a set that comes with the package; `hub:OWNER/NAME` or `hub:OWNER/NAME:CONFIGURATION`, a set of the hub;
    2. a folder: with a folder for each class, or with train, validation and test folders of those; with MNIST's idx files, CIFAR's binary ones, or .parquet;
    3. a file: .npz; an idx file of pictures beside that of its labels; a table with pictures in it (.parquet) or with names of files (.csv, .tsv, .jsonl);
    4. `fashion`, or `mnist`, `fashion-mnist`, `cifar10`, `cifar100`: NAME.npz in the cache ($WORKINGS_CACHE or ~/.cache/workings), or the hub, then kept there;
    5. a name of the hub, `owner/name`.

    size: height and width, or one number for both; by default what all have in common, or 64. channels: 1 or 3; by default 1 if no picture has colors.
    how: exactly how pictures are brought to one size, instead of these two: by a stretch, or with a crop.
    picture, label: the columns of a table. strict: refuse what cannot be read instead of leaving it out.
    watch: told how many pictures of how many are done. labeled: False asks for no classes: a folder may hold pictures in any order, and every label is "".
    Whatever is wrong raises `BadInput`.
    """
    found = found_in(str(source), picture, label, labeled)
    if not labeled:
        for part in found.values():
            part.labels = [""] * len(part.labels)
    parts = fit_parts(found, size, channels, how, strict, watch)
    if not labeled:
        return parts
    names = class_names(parts.train.labels, parts.train.where)
    for part in (parts.validation, parts.test):
        if part:
            refuse_unknown(part.labels, names, part.where, "pictures")
    return parts


def found_in(source: str, picture: str, label: str, labeled: bool = True) -> dict[str, Found]:
    """The parts, before their pictures have been brought to one size."""
    start, _, name = source.partition(":")
    if start == "hub":
        return read_hub(name, picture, label)
    if start == "builtin":
        return read_builtin(name)
    if not source.strip():
        raise BadInput("The name of the data is empty; give a folder of pictures, a file, or a built-in set such as 'fashion'.")
    path = Path(source).expanduser()
    if path.is_dir():
        return read_any_folder(path, picture, label, labeled)
    if path.exists():
        return read_file(path, picture, label, labeled)
    if source in KNOWN:
        return read_known(source)
    if source in BUILTIN:
        return read_builtin(source)
    if "/" not in source or not HUB_NAME.fullmatch(source) or kind_of(path) in (".npz", ".bin", *TABLES, *SUFFIXES):
        choices = [name for name, one in BUILTIN.items() if one.job == "pictures"] + list(KNOWN)
        raise BadInput(f"There is no file, folder or set {source!r} (looked for it in {str(Path.cwd())!r}). {suggest(source, choices)}")
    return read_hub(source, picture, label)


def read_any_folder(path: Path, picture: str, label: str, labeled: bool = True) -> dict[str, Found]:
    """Files of MNIST or CIFAR, or tables, if there are such, else class folders, or any folders."""
    if idx_files(path):
        return read_idx_folder(path)
    if files := cifar_files(path):
        return read_cifar(files)
    if files := parquet_files(path):
        return read_parquet_folder(files, picture, label)
    return read_folder(path) if labeled else read_unlabeled(path)


def read_file(path: Path, picture: str, label: str, labeled: bool = True) -> dict[str, Found]:
    """By its suffix."""
    kind = kind_of(path)
    if kind == ".npz":
        return read_npz(path, classes=labeled)
    if kind in TABLES:
        return read_picture_table(path, picture, label)
    if kind == ".bin":
        return read_cifar({"train": [path]})
    if "images" in path.name and "idx" in path.name:
        return read_idx_file(path)
    if kind in SUFFIXES:
        raise BadInput(f"{str(path)!r} is one picture; give a folder with a folder for each class, or a table with the names of the files and their labels.")
    advice = "unpack it first" if path.suffix.lower() in (".zip", ".tar", ".tgz", ".gz", ".xz") else f"give .npz, an idx file, or one of {', '.join(TABLES)}"
    raise BadInput(f"{str(path)!r} is nothing that labeled pictures are read from; {advice}.")


def read_builtin(name: str) -> dict[str, Found]:
    """The pictures that come with the package."""
    if find_builtin(name).job != "pictures":
        raise BadInput(f"The built-in set {name!r} is for {BUILTIN[name].job}, it has no labeled pictures; give one that has, such as 'fashion'.")
    parts = read_idx_folder(builtin_path(name), FASHION_CLASSES)
    for part, found in parts.items():
        found.where = f"the built-in set {name!r} ({part})"
    return parts


def read_known(name: str) -> dict[str, Found]:
    """A set from the cache, or from the hub into the cache."""
    path, known = cache_folder() / f"{name}.npz", KNOWN[name]
    if path.exists():
        return read_npz(path, known.classes)
    try:
        parts = read_hub(known.hub, known.picture, known.label)
    except BadInput as error:
        raise BadInput(
            f"{name} is neither in {str(path)!r} nor could it be had from the hub; connect to the network, or put its arrays xtr, ytr, xte and yte there "
            f"(uint8 [N, H, W] or [N, H, W, 3], and numbers). The built-in 'fashion' needs neither. ({error})"
        ) from None
    decoded = fit_parts(parts)
    with contextlib.suppress(OSError):
        keep(path, decoded)
    return {part: Found(parts[part].where, one.store.pixels(one.rows), one.labels) for part in parts if (one := getattr(decoded, part))}


def keep(path: Path, parts: PictureParts) -> None:
    """The arrays of a set."""
    names = class_names(parts.train.labels, parts.train.where)
    arrays = {"classes": np.array(names)}
    for part, ending in ((parts.train, "tr"), (parts.validation, "va"), (parts.test, "te")):
        if part:
            arrays["x" + ending] = part.store.pixels(part.rows).permute(0, 2, 3, 1).contiguous().numpy()
            arrays["y" + ending] = np.array([names.index(label) for label in part.labels])
    with written_whole(path) as file:
        np.savez(file, **arrays)
