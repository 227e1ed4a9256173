"""Group norm (Wu and He 2018), with what stands around it in a residual block: the vector that is added before, the scale and shift after, and SiLU."""

from torch import Tensor, nn

from workings.layers.fast.group_norm import group_norm


class GroupNorm(nn.GroupNorm):
    """`torch.nn.GroupNorm` with the same parameters and names; in one pass forward and two backward where the machine can."""

    def forward(self, x: Tensor, *, added: Tensor | None = None, scale: Tensor | None = None, shift: Tensor | None = None, silu: bool = False) -> Tensor:
        """phi(N(x + a) (1 + s) + t), phi being SiLU or nothing. x: [B, C, H, W]; added a, scale s and shift t: [B, C], or nothing -> [B, C, H, W]."""
        return group_norm(x, self.weight, self.bias, self.num_groups, self.eps, added, scale, shift, silu)
