"""Attention in pictures: every pixel is a token, and a text is the second sequence (Ho et al. 2020; Rombach et al. 2022; statements 1.1b-d, 3.2, 5.3b)."""

from typing import Any

from torch import Tensor, nn

from workings.layers.attention import Attention
from workings.layers.feed_forward import GatedFeedForward
from workings.layers.group_norm import GroupNorm
from workings.layers.linear import Linear
from workings.layers.masks import Mask
from workings.layers.norms import LayerNorm


def attention(width: int, heads: int, biases: str, memory_width: int = 0) -> Attention:
    """Attention with a value for each head and the scale 1/sqrt(d_k)."""
    sizes: dict[str, Any] = dict(width=width, heads=heads, key_value_heads=heads, head_width=width // heads, memory_width=memory_width)
    switches: dict[str, Any] = dict(value="per-head", value_activation="none", attend="x", tau="1/sqrt(d_k)", phi="relu", biases=biases)
    return Attention(**sizes, **switches, dropout=0.0, query_key_norm=False, norm_epsilon=1e-5)


def same(x: Tensor) -> Tensor:
    """x."""
    return x


def as_tokens(x: Tensor) -> Tensor:
    """The pixels in reading order. [B, C, H, W] -> [B, H W, C]."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def as_map(tokens: Tensor, like: Tensor) -> Tensor:
    """The inverse, in the shape of a picture. [B, H W, C] -> [B, C, H, W]."""
    return tokens.unflatten(1, like.shape[2:]).permute(0, 3, 1, 2)


class PictureAttention(nn.Module):
    """x + y, y_t = sum_m T^m sum_s a^m_ts v^m_s over all pixels s of N(x), group norm. Parameters: `norm`, `attention`."""

    def __init__(self, width: int, heads: int, groups: int, epsilon: float):
        super().__init__()
        self.norm = GroupNorm(groups, width, epsilon)
        self.attention = attention(width, heads, "all")

    def forward(self, x: Tensor, memory: Tensor | None, mask: Mask) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]; there is no memory."""
        z = as_tokens(self.norm(x))
        return x + as_map(self.attention(z, z, same), x)


class TextLayer(nn.Module):
    """x + A(N(x)), then x + A'(N'(x), text), then x + C(gelu(G N''(x)) * (B N''(x))): the transformer's layer with a memory.

    Parameters: `attention_norm`, `attention`, `cross_norm`, `cross`, `feed_forward_norm`, `feed_forward`. Queries, keys and values have no biases.
    """

    def __init__(self, width: int, heads: int, text_width: int):
        super().__init__()
        self.attention_norm, self.cross_norm, self.feed_forward_norm = (LayerNorm(width) for _ in range(3))
        self.attention = attention(width, heads, "output")
        self.cross = attention(width, heads, "output", text_width)
        self.feed_forward = GatedFeedForward(width, 4 * width, bias=True, phi="gelu")

    def forward(self, x: Tensor, memory: Tensor, mask: Mask) -> Tensor:
        """x: [B, T, C], memory: [B, S, D] -> [B, T, C]."""
        z = self.attention_norm(x)
        x = x + self.attention(z, z, same)
        z = self.cross_norm(x)
        x = x + self.cross(z, z, same, memory=memory, mask=mask)
        return x + self.feed_forward(self.feed_forward_norm(x))


class TextAttention(nn.Module):
    """x + W_o L(... L(W_i N(x) + b_i)) + b_o over the pixels and a text, group norm (Rombach et al. 2022). Parameters: `norm`, `enter`, `layers`, `leave`."""

    EPSILON = 1e-6
    """Of the norm, whatever the other norms have."""

    def __init__(self, width: int, heads: int, groups: int, text_width: int, layers: int):
        super().__init__()
        self.norm = GroupNorm(groups, width, self.EPSILON)
        self.enter, self.leave = Linear(width, width), Linear(width, width)
        self.layers = nn.ModuleList(TextLayer(width, heads, text_width) for _ in range(layers))

    def forward(self, x: Tensor, memory: Tensor, mask: Mask) -> Tensor:
        """x: [B, C, H, W], memory: [B, S, D] -> [B, C, H, W]."""
        tokens = self.enter(as_tokens(self.norm(x)))
        for layer in self.layers:
            tokens = layer(tokens, memory, mask)
        return x + as_map(self.leave(tokens), x)


def make_picture_attention(width: int, heads: int, groups: int, epsilon: float, text_width: int, text_layers: int) -> nn.Module:
    """Attention over pixels alone, or with a text."""
    if text_width:
        return TextAttention(width, heads, groups, text_width, text_layers)
    return PictureAttention(width, heads, groups, epsilon)
