"""What a VAE shows of its latent: drawings, pictures beside what it makes of them, ways between pictures, along a dimension, over a plane (5.1a-5.1c)."""

import torch
from torch import Tensor

from workings.models.vae import VAE

FAR = 3.0
"""How many deviations of the prior a dimension is gone along to either side."""


@torch.no_grad()
def drawn(model: VAE, z: Tensor, labels: Tensor | None = None) -> Tensor:
    """The mean of p(x|z) as pictures. z: [N, Z], labels: int64 [N] -> uint8 [N, C, H, W] on the CPU."""
    device = next(model.parameters()).device
    pictures = model.pictures(z.to(device), None if labels is None else labels.to(device))
    return (pictures.float() * 255).round().to(torch.uint8).cpu()


def in_pairs(pictures: Tensor, made: Tensor, columns: int = 0) -> Tensor:
    """Rows of pictures, and below each row what was made of them; the last row is filled up with black. columns: in a row; 0 has all in one.

    uint8 [N, C, H, W] twice -> [rows 2 columns, C, H, W].
    """
    columns = columns or len(pictures)
    black = pictures.new_zeros(-len(pictures) % columns, *pictures.shape[1:])
    rows = [torch.cat([some, black]).unflatten(0, (-1, columns)) for some in (pictures, made)]
    return torch.stack(rows, 1).flatten(0, 2)


def between(starts: Tensor, ends: Tensor, steps: int) -> Tensor:
    """Straight ways between the means of pictures. [N, Z] twice -> [N steps, Z], one way after another."""
    parts = torch.linspace(0, 1, steps, device=starts.device)[None, :, None]
    return (starts[:, None] * (1 - parts) + ends[:, None] * parts).flatten(0, 1)


def best_dimensions(means: Tensor, most: int) -> Tensor:
    """The dimensions whose means vary most over pictures, the first ones first. means: [N, Z] -> int64 [at most `most`]."""
    return means.var(0, correction=0).argsort(descending=True, stable=True)[:most]


def along(model: VAE, z: Tensor, dimensions: Tensor, labels: Tensor | None, steps: int) -> Tensor:
    """One latent, changed along each of some dimensions from -3 to 3. z: [Z], labels: of which the first counts -> uint8 [dimensions steps, C, H, W]."""
    latents = z.repeat(len(dimensions), steps, 1)
    for row, dimension in enumerate(dimensions.tolist()):
        latents[row, :, dimension] = torch.linspace(-FAR, FAR, steps)
    told = None if labels is None else labels[:1].repeat(len(dimensions) * steps)
    return drawn(model, latents.flatten(0, 1), told)


def on_the_map(model: VAE, side: int, label: int | None = None) -> Tensor:
    """Pictures on a grid over a latent of two numbers, at equal steps of the prior's probability; z_1 rises to the right, z_2 upwards.

    -> uint8 [side^2, C, H, W].
    """
    places = torch.special.ndtri((torch.arange(side) + 0.5) / side)
    z = torch.stack([places.repeat(side), places.flip(0).repeat_interleave(side)], dim=1)
    return drawn(model, z, None if label is None else torch.full((side * side,), label))
