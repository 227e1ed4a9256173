"""What keeps two players in check without batch norm (Karras et al. 2018): pixels of one length, and how far a group of pictures differs; statement 5.2c."""

import torch
from torch import Tensor, nn

EPSILON = 1e-8
"""Added to what a root is taken of."""


def pixel_norm(x: Tensor) -> Tensor:
    """y = x / sqrt(mean over channels of x^2 + epsilon): no signal can grow while two players outbid each other. [B, C, ...] -> the same, in its precision."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * (wide.square().mean(1, keepdim=True) + EPSILON).rsqrt()).to(x.dtype)


def minibatch_deviation(x: Tensor, group: int) -> Tensor:
    """x with one more channel: the deviation over a group of pictures, averaged over channels and pixels. [B, C, H, W] -> [B, C + 1, H, W].

    Pictures g i ... g i + g - 1 are a group, whose deviation each of them is told; a group that the batch leaves short is filled with the pictures before it.
    Groups are of one size so that pictures that are all alike look the same in a batch of any size; a batch with fewer is one group.
    """
    pictures, g = len(x), min(group, len(x))
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    starts = torch.arange(0, pictures, g, device=x.device).clamp(max=pictures - g)
    groups = wide[starts[:, None] + torch.arange(g, device=x.device)]  # M g C H W
    deviation = (groups.var(1, correction=0) + EPSILON).sqrt().mean((1, 2, 3))  # M
    told = deviation.repeat_interleave(g)[:pictures]
    return torch.cat([x, told.to(x.dtype)[:, None, None, None].expand(-1, 1, *x.shape[2:])], dim=1)


class PixelNorm(nn.Module):
    """`pixel_norm`, as a part of a stack."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, ...] -> the same."""
        return pixel_norm(x)
