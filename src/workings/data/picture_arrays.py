"""Pictures of one size in arrays: .npz, the idx files of MNIST, and the binary version of CIFAR."""

import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from workings.data.files import read_bytes, read_text
from workings.data.picture_fitting import Found
from workings.errors import BadInput, counted

KEYS = {
    "train": (("x_train", "y_train"), ("xtr", "ytr"), ("train_images", "train_labels"), ("images", "labels"), ("x", "y")),
    "validation": (("x_val", "y_val"), ("x_valid", "y_valid"), ("xva", "yva"), ("val_images", "val_labels"), ("valid_images", "valid_labels")),
    "test": (("x_test", "y_test"), ("xte", "yte"), ("test_images", "test_labels")),
}
"""What the pictures and the labels of a part are called in an .npz, by Keras, by MedMNIST and by others."""
CLASSES = ("classes", "class_names", "label_names")
"""What the names of the classes are called there."""

IDX = re.compile(r"(?P<part>train|t10k|test|val|valid|validation)?[-_.]?(?P<what>images|labels)(?=[-_.]|$)", re.IGNORECASE)
IDX_PARTS = {"train": "train", "t10k": "test", "test": "test", "val": "validation", "valid": "validation", "validation": "validation", "": "train"}

CIFAR_FILES = {"train": re.compile(r"(data_batch_\d+|train)\.bin"), "test": re.compile(r"test(_batch)?\.bin")}
CIFAR_NAMES = ("batches.meta.txt", "fine_label_names.txt")
CIFAR_PICKLED = ({"data_batch_1", "test_batch"}, {"train", "test", "meta"})


def read_npz(path: Path, names: Sequence[str] = (), classes: bool = True) -> dict[str, Found]:
    """The parts of an .npz. names: of the classes, if it does not say them itself. classes: False asks for none; every label is "" where there are none."""
    where = repr(str(path))
    if not zipfile.is_zipfile(path):
        raise BadInput(f"{where} is no .npz, or it is cut off; save arrays of numbers with numpy.savez.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {part: next(((x, y) for x, y in keys if x in arrays and y in arrays), None) for part, keys in KEYS.items()}
            if not found["train"] and not classes:
                alone = {part: next((x for x, _ in keys if x in arrays), None) for part, keys in KEYS.items()}
                if alone["train"]:
                    return {part: unlabeled(arrays[key], f"{where} ({key})") for part, key in alone.items() if key}
            if not found["train"]:
                wanted = ", or ".join(f"{x} and {y}" for x, y in KEYS["train"])
                raise BadInput(f"{where} has the arrays {', '.join(arrays.files) or 'none'}; name the pictures and labels {wanted}.")
            said = next((arrays[key] for key in CLASSES if key in arrays), None)
            names = [str(name) for name in said] if said is not None else names
            return {part: labeled(arrays[keys[0]], arrays[keys[1]], names, f"{where} ({keys[0]})") for part, keys in found.items() if keys}
    except (OSError, ValueError, EOFError, KeyError, TypeError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        reason = "it holds Python objects, which could run a program when they are read" if "pickle" in str(error).lower() else str(error)
        raise BadInput(f"{where} cannot be read: {reason.rstrip('.')}; save arrays of numbers with numpy.savez.") from None


def labeled(x: np.ndarray, y: np.ndarray, names: Sequence[str], where: str) -> Found:
    """Arrays as a part: pictures uint8 [N, H, W], [N, H, W, C] or [N, C, H, W], labels [N] or [N, 1], numbers or names."""
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or y.dtype.kind not in "iuU" or len(y) != len(x):
        raise BadInput(
            f"The labels of {where} are {y.dtype} {list(y.shape)}; give the number or the name of one class for each of the {counted(len(x), 'picture')}."
        )
    if names and y.dtype.kind != "U" and len(y) and not 0 <= y.min() <= y.max() < len(names):
        raise BadInput(f"The labels of {where} go from {y.min()} to {y.max()}, but there are {len(names):,} names of classes.")
    labels = [names[label] if names and not isinstance(label, str) else str(label).strip() for label in y.tolist()]
    return Found(where, channels_first(x, where), labels)


def unlabeled(x: np.ndarray, where: str) -> Found:
    """Pictures of which nothing is said as a part."""
    return Found(where, channels_first(x, where), [""] * len(x))


def channels_first(x: np.ndarray, where: str) -> Tensor:
    """uint8 [N, C, H, W] from what is customary. Three channels are looked for last, then first."""
    if x.dtype != np.uint8 or x.ndim not in (3, 4) or 0 in x.shape:
        raise BadInput(
            f"The pictures of {where} are {x.dtype} {list(x.shape)}; give uint8 [pictures, height, width], with 3 channels last or second, 0 to 255."
        )
    if x.ndim == 3:
        x = x[:, None]
    elif x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    elif x.shape[1] not in (1, 3):
        raise BadInput(f"The pictures of {where} are {list(x.shape)}, of which no side is the channels; give 1 or 3, last or second.")
    return torch.from_numpy(np.require(x, requirements=["C", "W"]))


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """The idx files of a folder by part and by what is in them ("images", "labels")."""
    found = {}
    for path in sorted(folder.iterdir()):
        match = IDX.search(path.name)
        if match and path.is_file() and re.search(r"idx|ubyte", path.name, re.IGNORECASE):
            found[IDX_PARTS[(match["part"] or "").lower()], match["what"].lower()] = path
    return found


def read_idx_folder(folder: Path, names: Sequence[str] = ()) -> dict[str, Found]:
    """The parts of a folder of idx files, as MNIST comes."""
    files = idx_files(folder)
    parts = {}
    for part in ("train", "validation", "test"):
        images, labels = files.get((part, "images")), files.get((part, "labels"))
        if images and labels:
            parts[part] = labeled(read_idx(images), read_idx(labels), names, repr(str(images)))
        elif lone := images or labels:
            raise BadInput(f"{str(folder)!r} has {lone.name!r} but not the {'labels' if images else 'images'} that belong to it.")
    if "train" not in parts:
        raise BadInput(
            f"{str(folder)!r} has no pictures to learn from; train-images-idx3-ubyte and train-labels-idx1-ubyte are looked for, as they are or in .gz."
        )
    return parts


def read_idx_file(path: Path) -> dict[str, Found]:
    """The pictures of one idx file; their labels are in the file beside it that is called so."""
    name = re.sub("idx3", "idx1", re.sub("images", "labels", path.name))
    labels = path.with_name(name)
    if name == path.name or not labels.exists():
        raise BadInput(f"{str(path)!r} is a file of pictures without labels; {name!r} is looked for beside it.")
    return {"train": labeled(read_idx(path), read_idx(labels), (), repr(str(path)))}


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes with its sizes before it: 0, 0, 8 (bytes), the number of sizes, each size in four bytes."""
    raw = read_bytes(path)
    sizes = tuple(np.frombuffer(raw[4 : 4 + 4 * raw[3]], ">u4").tolist()) if len(raw) >= 4 and raw[:3] == b"\0\0\x08" and len(raw) >= 4 + 4 * raw[3] else ()
    start = 4 + 4 * len(sizes)
    if not sizes or len(raw) - start != int(np.prod(sizes)):
        raise BadInput(f"{str(path)!r} is no idx file of bytes, or it is cut off; copy or download it again.")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(sizes)


def cifar_files(folder: Path) -> dict[str, list[Path]]:
    """The files of CIFAR's binary version in a folder, by part; the pickled version is refused."""
    names = sorted(path.name for path in folder.iterdir())
    found = {part: [folder / name for name in names if pattern.fullmatch(name)] for part, pattern in CIFAR_FILES.items()}
    if not any(found.values()) and any(pickled <= set(names) for pickled in CIFAR_PICKLED) and not any((folder / name).is_dir() for name in names):
        raise BadInput(
            f"{str(folder)!r} is the Python version of CIFAR, which is pickled: reading it can run any program that somebody hid in it. "
            "Take the binary version (cifar-10-binary.tar.gz or cifar-100-binary.tar.gz), unpacked, or --data cifar10."
        )
    return {part: files for part, files in found.items() if files}


def read_cifar(files: dict[str, list[Path]]) -> dict[str, Found]:
    """The parts of CIFAR's binary version: a row is a label (in CIFAR-100 a coarse and a fine one) and 3 x 32 x 32 bytes."""
    if "train" not in files:
        raise BadInput(f"{str(files['test'][0])!r} holds pictures to test with, but there are none to learn from beside it (data_batch_1.bin or train.bin).")
    listed = next((path for name in CIFAR_NAMES if (path := files["train"][0].with_name(name)).is_file()), None)
    names = read_text(listed).split() if listed else ()
    parts = {}
    for part, paths in files.items():
        rows = []
        for path in paths:
            raw = np.frombuffer(read_bytes(path), np.uint8)
            before = 2 if path.name in ("train.bin", "test.bin") else 1
            if not len(raw) or len(raw) % (before + 3072):
                raise BadInput(f"{str(path)!r} is not CIFAR's binary version, or it is cut off: {len(raw):,} bytes are no multiple of {before + 3072:,}.")
            rows.append(raw.reshape(-1, before + 3072)[:, before - 1 :])
        whole = np.concatenate(rows)
        parts[part] = labeled(whole[:, 1:].reshape(-1, 3, 32, 32), whole[:, 0], names, repr(str(paths[0].parent)))
    return parts
