"""Normalization: layer norm (Ba et al. 2016) and root-mean-square norm (Zhang and Sennrich 2019)."""

from torch import Tensor, nn

from workings.layers.fast.pointwise import layer_norm


class LayerNorm(nn.LayerNorm):
    """`torch.nn.LayerNorm` with the same parameters, names and values, forward and backward in one pass each where the machine can."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., n] -> [..., n]."""
        return layer_norm(x, self.weight, self.bias, self.eps)


def make_norm(name: str, width: int, epsilon: float, bias: bool) -> nn.Module:
    """layer: (x - mean) / sqrt(var + eps) * g + c, with c only if `bias`; rms: x / sqrt(mean(x^2) + eps) * g."""
    return {
        "layer": lambda: LayerNorm(width, eps=epsilon, bias=bias),
        "rms": lambda: nn.RMSNorm(width, eps=epsilon),
    }[name]()
