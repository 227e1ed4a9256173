"""Pictures as a source has them, of any size and kind, become parts of one size: which size that is, what is left out, and whether they are held in memory."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from workings.data.encoded_pictures import Encoded, Look, OnDemand, Watch, by_all_cores, decode
from workings.data.labeled_pictures import Held, LabeledPictures, PictureParts, Store
from workings.data.picture_settings import Preparation
from workings.data.pictures import cropped, resized_pixels
from workings.errors import BadInput, counted

SIDE = 64
"""Height and width of pictures that have no size in common, unless another is given: enough to know most things by."""
KEPT_SIDE = 256
"""A size that all have in common is kept up to this length; larger ones are photographs, and how large to learn those is somebody's decision."""
MEMORY = 2**31
"""Bytes of decoded pictures that are held at most."""
UNREADABLE = "that cannot be read"


@dataclass
class Found:
    """A part of a source, before its pictures have been brought to one size."""

    where: str
    pictures: Encoded | Tensor
    """Files, or uint8 [N, C, H, W] with 1 or 3 channels."""
    labels: list[str]
    left_out: dict[str, int] = field(default_factory=dict)
    """Why pictures were left out, and how many."""
    notes: list[str] = field(default_factory=list)
    """What else there is to say about it, in sentences."""


def fit_parts(
    parts: dict[str, Found],
    size: Sequence[int] = (),
    channels: int = 0,
    how: Preparation | None = None,
    strict: bool = False,
    watch: Watch | None = None,
    memory: int = MEMORY,
) -> PictureParts:
    """The parts ("train", and "validation" and "test" where there are such) with pictures of one size.

    how: exactly how a picture is brought to one size, instead of the size and the channels alone.
    What cannot be read is left out, counted and named, or with `strict` refused. More than `memory` bytes are not held but decoded when they are asked for.
    """
    seen = {name: looked_at(part, strict, watch) for name, part in parts.items()}
    how, note = (how, "") if how else preparation([look for looks, _ in seen.values() for look in looks.values()], size, channels)
    pixels = sum(len(looks) for looks, _ in seen.values()) * how.channels * math.prod(how.crop or how.size)
    done, notes = {}, [note] if note else []
    for name, part in parts.items():
        looks, broken = seen[name]
        done[name], more = fitted(part, list(looks), how, pixels <= memory, strict, watch)
        broken += more
        if broken:
            done[name].left_out[UNREADABLE] = len(broken)
            notes.append(f"{counted(len(broken), 'picture')} of {part.where} left out: {' '.join(map(str, broken[:3]))}{' ...' if len(broken) > 3 else ''}")
        lost = sorted(set(part.labels) - set(done[name].labels))
        if lost:
            notes.append(f"Of {counted(len(lost), 'class', 'classes')} of {part.where} no picture can be read: {', '.join(map(repr, lost[:5]))}.")
        notes += part.notes
    return PictureParts(done["train"], done.get("validation"), done.get("test"), how, tuple(notes))


def looked_at(part: Found, strict: bool, watch: Watch | None) -> tuple[dict[int, Look], list[BadInput]]:
    """What the heads of the files say, by row, and what cannot be read."""
    pictures = part.pictures
    if isinstance(pictures, Tensor):
        count, channels, height, width = pictures.shape
        return dict.fromkeys(range(count), Look((width, height), channels == 1)), []
    looks: dict[int, Look] = {}

    def work(place: int, row: int) -> None:
        looks[row] = pictures.look(row)

    broken = list(by_all_cores(range(len(pictures)), work, watch).values())
    refuse(broken, strict, len(looks), part.where)
    return dict(sorted(looks.items())), broken


def refuse(broken: list[BadInput], strict: bool, left: int, where: str) -> None:
    """Everything that is broken if that is wanted, and a part of which nothing is left."""
    if broken and (strict or not left):
        also = f" Nor can {len(broken) - 1:,} more of {where}." if len(broken) > 1 else ""
        raise BadInput(f"{broken[0]}{also}" + ("" if left else f" No picture of {where} is left."))


def preparation(looks: Sequence[Look], size: Sequence[int], channels: int) -> tuple[Preparation, str]:
    """To what size and how many channels pictures are brought: as asked for, or else by what they have in common. Also what there is to say about it."""
    if len(size) > 2 or min(size, default=1) < 1:
        raise BadInput(f"The size of the pictures is {list(size)}; give height and width, or one number for both.")
    sizes = Counter(look.size for look in looks)
    (width, height), _ = sizes.most_common(1)[0]
    alike = len(sizes) == 1
    note = ""
    if size:
        target = (size[0], size[-1])
    elif alike and max(width, height) <= KEPT_SIDE:
        target = (height, width)
    else:
        target = (SIDE, SIDE)
        what = f"All pictures are {width} x {height}" if alike else f"The pictures are of {len(sizes):,} sizes, {width} x {height} the commonest"
        note = f"{what}; they are brought to {SIDE} x {SIDE} because no size was given."
    channels = channels or (1 if all(look.gray for look in looks) else 3)
    if target[0] == target[1]:
        return Preparation(channels=channels, resize="shortest", size=target[:1], crop=target), note
    return Preparation(channels=channels, resize="stretch", size=target), note


def fitted(part: Found, rows: list[int], how: Preparation, hold: bool, strict: bool, watch: Watch | None) -> tuple[LabeledPictures, list[BadInput]]:
    """These rows of a part, brought to their size, and what turned out to be broken."""
    store: Store
    broken: dict[int, BadInput] = {}
    places, pictures = rows, part.pictures
    if isinstance(pictures, Tensor):
        store = Held(adapted(pictures, how, watch))
    elif hold:
        tensor, broken = decode(pictures, rows, how, watch)
        store, places = Held(tensor, [pictures.names[row] for row in rows]), list(range(len(rows)))
    else:
        store = OnDemand(pictures, how)
        broken = by_all_cores(rows, lambda place, row: pictures.check(row, how, strict), watch)
    kept = [place for place in range(len(rows)) if place not in broken]
    refuse(list(broken.values()), strict, len(kept), part.where)
    labels = [part.labels[rows[place]] for place in kept]
    return LabeledPictures(part.where, labels, store, torch.tensor([places[place] for place in kept]), dict(part.left_out)), list(broken.values())


def adapted(pictures: Tensor, how: Preparation, watch: Watch | None = None) -> Tensor:
    """Pictures of one size brought to another, or to other channels. uint8 [N, C, H, W] -> uint8 [N, C', H', W']."""
    shape = (len(pictures), how.channels, *(how.crop or how.size))
    if pictures.shape == shape:
        return pictures.contiguous()
    result = torch.empty(shape, dtype=torch.uint8)

    def work(place: int, row: int) -> None:
        array = pictures[row].permute(1, 2, 0).contiguous().numpy()
        picture = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
        result[place] = cropped(resized_pixels(picture, how), how.crop)

    by_all_cores(range(len(pictures)), work, watch)
    return result
