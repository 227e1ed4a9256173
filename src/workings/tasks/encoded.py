"""The pictures of a training as latents of a trained autoencoder: found once, before it begins (statement 5.3b)."""

import hashlib
import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.errors import BadInput
from workings.models.autoencoder import Autoencoder
from workings.models.latents import AT_ONCE, Latents
from workings.tasks.picture_parts import watcher
from workings.weights.folder import load_folder
from workings.weights.hub import locate


def trained_autoencoder(name: str) -> Autoencoder:
    """That of a file, of one of two halves, or of a folder, in float32."""
    saved = load_folder(locate(name), torch.float32)
    if saved.task == "vae":
        raise BadInput(
            f"{name} is a VAE whose latent is one vector for a whole picture, with no places that a network could look at; data.latent takes an autoencoder "
            "with a map of latents, such as TAEF2."
        )
    if not isinstance(saved.model, Autoencoder):
        raise BadInput(f"{name} holds a model for the task {saved.task!r}; data.latent takes an autoencoder with a map of latents, such as TAEF2.")
    return saved.model


def map_shape(model: Autoencoder, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Of the latents of pictures [C, H, W]; refused if there are none."""
    s, (channels, height, width) = model.settings, shape
    if channels != s.channels:
        raise BadInput(f"The autoencoder knows pictures of {s.channels} channels, but those of the data have {channels}; set data.channels={s.channels}.")
    if height % s.cell or width % s.cell:
        near = [max(s.cell, round(side / s.cell) * s.cell) for side in (height, width)]
        raise BadInput(
            f"The pictures are {height} x {width}, which the autoencoder cannot halve {s.halvings} times; "
            f"set data.size to multiples of {s.cell}, such as {near}."
        )
    return s.latent, height // s.cell, width // s.cell


@dataclass
class Encoded:
    """What the network learns from, and is validated with."""

    learned: Tensor
    """float32 [N, latent, h, w], at unit variance."""
    mirrored: Tensor | None
    """Of the mirror images of the same pictures, where some are seen so: they are not the mirror images of the latents."""
    held: Tensor
    """Of pictures to validate with."""

    def rows(self, rows: Tensor, mirrored: Tensor | None) -> Tensor:
        """Those of these numbers. rows: int64 [B]; mirrored: bool [B], or None for none -> [B, latent, h, w]."""
        if mirrored is None or self.mirrored is None:
            return self.learned[rows]
        return torch.where(mirrored[:, None, None, None], self.mirrored[rows], self.learned[rows])


@torch.no_grad()
def encode_all(latents: Latents, autoencoder: Autoencoder, learned: LabeledPictures, held: LabeledPictures, mirrors: bool) -> Encoded:
    """The latents of all pictures; `latents` takes the autoencoder's weights, and its scale from the ones that are learned."""
    latents.autoencoder.load_state_dict(autoencoder.state_dict())
    watch = watcher("encoded") if sys.stderr.isatty() else lambda *_: None
    ways = (False, True) if mirrors else (False,)
    found: list[list[Tensor]] = [[] for _ in ways]
    for rows in torch.arange(len(learned)).split(AT_ONCE):
        pictures = learned.pixels(rows).float() / 255
        for way, mirrored in zip(found, ways, strict=True):
            way.append(latents.autoencoder.encode(pictures.flip(-1) if mirrored else pictures))
        watch(int(rows[-1]) + 1, len(learned))
    whole = [torch.cat(way) for way in found]
    latents.measure(whole[0])
    unseen = latents.encode(held.pixels(torch.arange(len(held))).float() / 127.5 - 1)
    return Encoded(latents.scaled(whole[0]), latents.scaled(whole[1]) if mirrors else None, unseen)


def decibels(made: Tensor, pictures: Tensor) -> float:
    """The mean peak signal-to-noise ratio of what was made of pictures, -10 log10 of the squared error in parts of the range. uint8 [N, C, H, W] twice."""
    errors = (made.float() - pictures.float()).div(255).square().flatten(1).mean(1)
    return float((-10 * errors.clamp(min=1e-10).log10()).mean())


def fingerprint(model: Autoencoder) -> str:
    """A hash of its weights."""
    key = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        key.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return key.hexdigest()
