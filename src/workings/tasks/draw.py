"""What a model is asked to draw, by name: from noise, between two drawings or pictures, what it makes of pictures, along its latent."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.picture_folders import picture_files
from workings.data.picture_settings import Preparation
from workings.data.pictures import opened, read_pixels
from workings.errors import BadInput, counted
from workings.tasks.drawer import Drawer, Drawn
from workings.tasks.kinds import open_model

MOST = 64
"""Pictures of a folder that are reconstructed in one sheet."""


def draw(model: str | Path, how: str, pictures: Sequence[str], n: int, label: str | None, seed: int, temperature: float, columns: int, **choices: Any) -> Drawn:
    """how: noise, between, reconstruct, traverse or map; the last three, and between with two pictures, need a model that reads pictures."""
    drawer = open_model(model)
    if not isinstance(drawer, Drawer):
        raise BadInput(f"{model} holds a model that does not draw; give the run of one that does, as `train vae` or `train gan` make it.")
    if columns < 2 and how in ("between", "traverse", "map"):
        raise BadInput(f"columns is {columns}; a way has two ends, so it must be at least 2.")
    if pictures and how in ("noise", "map"):
        raise BadInput(f"{pictures[0]!r} is not asked for; say what to do with it: --reconstruct, --traverse or --between.")
    choices = {name: value for name, value in choices.items() if value is not None and value is not False}
    if choices and not hasattr(drawer, "prompts"):
        raise BadInput(f"--{next(iter(choices))} is for diffusion models, and {model} holds none; leave it out.")
    for name in ("mask", "strength"):
        if name in choices and "begin" not in choices:
            raise BadInput(f"--{name} says what becomes of a picture, but there is none to begin from; name one with --begin.")
    if "begin" in choices:
        if drawer.medium.name != "pictures":
            raise BadInput(f"{model} draws {drawer.medium.name}, which no picture can begin; leave --begin out.")
        choices["begin"] = read([str(choices["begin"])], drawer.shape)
    if "mask" in choices:
        choices["mask"] = read_mask(str(choices["mask"]))
    if how == "noise":
        return drawer.draw(n, label=label, seed=seed, temperature=temperature, **choices)
    if how == "between" and not pictures:
        return drawer.between(columns, label=label, seed=seed, **choices)
    if not hasattr(drawer, "reconstruct"):
        raise BadInput(f"{model} draws from noise alone and reads no pictures; for --{how} give the run of a VAE.")
    if how == "map":
        return drawer.map(columns)
    wanted = {"between": 2, "traverse": 1}.get(how)
    files = [file for name in pictures for file in picture_files(name)]
    if not files or wanted not in (None, len(files)):
        asked = {None: "at least one picture", 1: "one picture", 2: "two pictures"}[wanted]
        raise BadInput(f"--{how} takes {asked}, and {counted(len(files), 'was', 'were')} given; name them after the model.")
    if len(files) > MOST:
        print(f"workings: the first {MOST} of {len(files):,} pictures are shown", file=sys.stderr)
    seen = read(files[:MOST], drawer.shape)
    if how == "between":
        return drawer.between_pictures(seen[:1], seen[1:], columns)
    return drawer.traverse(seen, columns) if how == "traverse" else drawer.reconstruct(seen)


def read_mask(file: str) -> Tensor:
    """Where a picture stays as it is, black in the file's picture: bool [H, W]."""
    with opened(file) as picture:
        height, width = picture.height, picture.width
    return read_pixels(file, Preparation(channels=1, resize="stretch", size=(height, width)))[0] < 128


def read(files: Sequence[str], shape: tuple[int, int, int]) -> Tensor:
    """Pictures brought to a model's size, uint8 [N, C, H, W]."""
    channels, height, width = shape
    how = Preparation(channels=channels, resize="stretch", size=(height, width))
    return torch.stack([read_pixels(file, how) for file in files])
