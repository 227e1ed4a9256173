"""How a network that judges pictures is told what they should show (statement 5.2d): a channel beside theirs, or a direction in what it has found."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LabelPlane(nn.Module):
    """x with one more channel E_y, a small picture of the label's own, as large as x (Mirza and Osindero 2014). Parameters: `planes` E [classes, h w]."""

    def __init__(self, classes: int, size: tuple[int, int]):
        super().__init__()
        self.planes, self.size = nn.Embedding(classes, size[0] * size[1]), size

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """[B, C, H, W], labels: int64 [B] -> [B, C + 1, H, W]; H and W are multiples of h and w."""
        planes = self.planes(labels).view(-1, 1, *self.size).to(x.dtype)
        return torch.cat([x, F.interpolate(planes, size=x.shape[2:], mode="nearest")], dim=1)


class Projection(nn.Module):
    """c V_y . f with f the sum over pixels: how far a picture lies in its label's direction (Miyato and Koyama 2018). Parameters: `directions` V [classes, C].

    deviation: that V begins with; scale: c.
    """

    def __init__(self, classes: int, channels: int, deviation: float, scale: float = 1.0):
        super().__init__()
        self.directions, self.scale = nn.Embedding(classes, channels), scale
        nn.init.normal_(self.directions.weight, std=deviation)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """[B, C, H, W], labels: int64 [B] -> [B]."""
        f = x.sum((2, 3), dtype=torch.promote_types(x.dtype, torch.float32))
        return self.scale * (self.directions(labels) * f).sum(1)
