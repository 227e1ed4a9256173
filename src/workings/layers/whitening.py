"""Whitening of small windows: a first layer that is computed from the pictures instead of learned (Page 2018; Jordan 2024)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Whitening(nn.Module):
    """y_rc = W p_rc + b, p_rc the 2 x 2 window at (r, c) as one vector of n = 4 C numbers.

    The rows of W are e_i / sqrt(lambda_i + epsilon), then their negatives, with the eigenvectors e_i and eigenvalues lambda_i of the mean of p p^T over many
    windows: the first n numbers of W p are then uncorrelated and of size 1.
    Buffers, not parameters: `weight` W [2 n, C, 2, 2], set by `fit`, and `bias` b [2 n], drawn once, so that the two signs of a direction bend apart.
    """

    SIZE = 2
    EPSILON = 5e-4
    """Directions with less than this do not become larger: it is the noise of a picture."""
    AT_ONCE = 256
    """Pictures whose windows are looked at together: they hold every number of a picture four times."""

    def __init__(self, channels: int):
        super().__init__()
        n = channels * self.SIZE**2
        self.weight, self.bias = nn.Buffer(torch.zeros(2 * n, channels, self.SIZE, self.SIZE)), nn.Buffer(torch.zeros(2 * n))

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw b from U(-n^-1/2, n^-1/2), and W as for pictures whose numbers are uncorrelated and of size 1."""
        n = len(self.bias) // 2
        nn.init.uniform_(self.bias, -(n**-0.5), n**-0.5)
        self.set(torch.eye(n, dtype=torch.float64))

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> None:
        """Set W from pictures as the model sees them, [B, C, H, W]."""
        n = len(self.bias) // 2
        total, count = torch.zeros(n, n, dtype=torch.float64, device=pictures.device), 0
        for some in pictures.split(self.AT_ONCE):
            windows = some.double().unfold(2, self.SIZE, 1).unfold(3, self.SIZE, 1)  # B C h w 2 2
            p = windows.permute(0, 2, 3, 1, 4, 5).reshape(-1, n)
            total, count = total + p.T @ p, count + len(p)
        self.set(total / count)

    def set(self, moments: Tensor) -> None:
        """W of the mean of p p^T, float64 [n, n]. The sign of an eigenvector is free: its largest number is made positive."""
        values, vectors = torch.linalg.eigh(moments)
        e = vectors.T
        e = e * e.gather(1, e.abs().argmax(1, keepdim=True)).sign()
        rows = e / (values.clamp(min=0) + self.EPSILON).sqrt()[:, None]
        self.weight.copy_(torch.cat([rows, -rows]).view_as(self.weight))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, 2 n, H - 1, W - 1]."""
        return F.conv2d(x, self.weight, self.bias)
