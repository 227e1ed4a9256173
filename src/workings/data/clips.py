"""Short clips: a small picture moves through a frame and bounces off its edges, drawn by code from pictures of any set (statement 5.3d)."""

import torch
from torch import Tensor

from workings.data.draws import Draws
from workings.data.labeled_pictures import Held, LabeledPictures, PictureParts
from workings.data.picture_sources import read_pictures
from workings.errors import counted

FRAMES, SIDE, PIECE = 8, 28, 14
"""The frames of a clip, the height and width of a frame, and those of what moves in it."""
SLOWEST, FASTEST = 1.0, 3.0
"""Pixels that it moves in a frame, down or up and right or left."""
LEARNED, HELD = 8000, 512
_CLIP = 21  # what the draws are for


def bounced(start: Tensor, velocity: Tensor, frames: int, room: int) -> Tensor:
    """Where a thing is that moves evenly and is mirrored at 0 and at `room`: room - |room - (start + velocity t) mod 2 room|. [...] -> [..., frames]."""
    way = start[..., None] + velocity[..., None] * torch.arange(frames)
    return room - (room - way % (2 * room)).abs()


def clips(pieces: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Clips, each a function of (seed, number) and the pieces: uint8 [count, FRAMES, 1, SIDE, SIDE], and which piece moves in each, int64 [count].

    pieces: uint8 [M, h, w], at most as large as a frame.
    """
    drawn = Draws(seed, 0, count, places=(_CLIP,)).uniform(7)
    chosen = (drawn[:, 0] * len(pieces)).long()
    height, width = pieces.shape[1:]
    speed = SLOWEST + drawn[:, 3:5] * (FASTEST - SLOWEST)
    velocity = torch.where(drawn[:, 5:7] < 0.5, -speed, speed)
    down, right = (bounced(drawn[:, 1 + axis] * room, velocity[:, axis], FRAMES, room) for axis, room in enumerate((SIDE - height, SIDE - width)))
    rows = down.round().long()[..., None] + torch.arange(height)  # count frames h
    columns = right.round().long()[..., None] + torch.arange(width)
    shown = torch.zeros(count, FRAMES, SIDE, SIDE, dtype=torch.uint8)
    numbers = torch.arange(count)[:, None, None, None], torch.arange(FRAMES)[:, None, None]
    shown[(*numbers, rows[..., None], columns[..., None, :])] = pieces[chosen][:, None]
    return shown[:, :, None], chosen


def clip_parts(source: str = "fashion", *, labeled: bool = True) -> PictureParts:
    """Clips of the gray pictures that `read_pictures` reads from a source, made smaller; frames stand where channels do, [N, FRAMES, SIDE, SIDE].

    What moves in those to validate with moves in none that are learned from, where the source keeps pictures apart. A label is the class of what moves.
    """
    found = read_pictures(source, size=(PIECE, PIECE), channels=1, labeled=labeled)
    held = found.test or found.validation or found.train
    return PictureParts(moving(found.train, LEARNED, 0), moving(held, HELD, 1), None, found.preparation, found.notes)


def moving(pictures: LabeledPictures, count: int, seed: int) -> LabeledPictures:
    """Clips of some pictures [N, 1, h, w]."""
    shown, chosen = clips(pictures.pixels(torch.arange(len(pictures)))[:, 0], count, seed)
    where = f"clips of {counted(len(pictures), 'picture')} of {pictures.where} that move"
    return LabeledPictures(where, [pictures.labels[row] for row in chosen.tolist()], Held(shown[:, :, 0]), torch.arange(count), pictures.left_out)
