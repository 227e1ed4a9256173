"""Points in space as a picture: small balls, seen from a fixed place, the nearer one in front (statement 5.3d)."""

import math

import torch
from torch import Tensor

SIDE = 64
"""Height and width of a picture."""
AROUND, ABOVE = math.radians(30), math.radians(20)
"""From where one looks: how far around the upright axis, and how far above the ground."""


def seen(places: Tensor) -> Tensor:
    """Points by how far to the right, up and towards the eye they are. [..., 3], z up -> [..., 3]."""
    c, s = math.cos(AROUND), math.sin(AROUND)
    up, down = math.cos(ABOVE), math.sin(ABOVE)
    turn = torch.tensor([[c, s, 0], [-s * down, c * down, up], [s * up, -c * up, down]], dtype=places.dtype)
    return places @ turn.T


def scattered(places: Tensor, colors: Tensor, radii: Tensor) -> Tensor:
    """Sets of balls on white. places: [N, P, 3] in -1 ... 1; colors: [N, P, 3], 0 ... 255; radii: [N, P], 0 for none -> uint8 [N, 3, SIDE, SIDE]."""
    return torch.stack([balls(seen(one.double()), color.double(), radius.double()) for one, color, radius in zip(places, colors, radii, strict=True)])


def balls(at: Tensor, colors: Tensor, radii: Tensor) -> Tensor:
    """One of them: at each pixel the ball whose surface is nearest to the eye, darker to its rim and far away. at: [P, 3] -> uint8 [3, SIDE, SIDE]."""
    line = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE * 2.4 - 1.2
    right, up = line[None, None, :] - at[:, 0, None, None], -line[None, :, None] - at[:, 1, None, None]
    height = (radii[:, None, None].square() - right.square() - up.square()).clamp(min=0).sqrt()  # of the surface above the middle: P SIDE SIDE
    depth = torch.where(height > 0, at[:, 2, None, None] + height, -torch.inf)
    nearest, which = depth.max(0)
    light = (0.55 + 0.45 * height.gather(0, which[None])[0] / radii[which].clamp(min=1e-9)) * (0.85 + 0.15 * nearest.clamp(-1, 1))
    painted = torch.where((nearest > -torch.inf)[..., None], colors[which] * light[..., None], 255.0)
    return painted.round().clamp(0, 255).byte().permute(2, 0, 1)
