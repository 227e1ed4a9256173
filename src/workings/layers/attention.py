"""Attention with the lecture's letters (statements 1.1b-d, 1.2a-d, 3.2); causal, bidirectional, or over a second sequence."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.cache import KeyValueCache
from workings.layers.dropping import Dropout
from workings.layers.fast.attention import takes, written_out
from workings.layers.feed_forward import PHI
from workings.layers.linear import Linear
from workings.layers.positions import rotate


def visibility(causal: bool, visible: Tensor | None, new: int, columns: int, device: torch.device) -> tuple[Tensor | None, bool]:
    """The one place where masks are combined: (mask, is_causal). In a mask, True means "may be seen".

    new queries are the last of `columns` columns. visible: [B, columns], False for padding. Returns either a mask [B or 1, 1, new, columns],
    or None and whether the plain lower triangle holds (only with new == columns, since kernels align it to the top left).
    """
    if visible is None and (not causal or new == 1 or new == columns):
        return None, causal and new > 1
    mask = None if visible is None else visible[:, None, None, :]
    if causal and new > 1:
        triangle = torch.ones(new, columns, dtype=torch.bool, device=device).tril(columns - new)
        mask = triangle[None, None] if mask is None else mask & triangle
    return mask, False


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, scale: float) -> Tensor:
    """a_ts = softmax over the visible s of scale * q_t . k_s (1.1c); rows that see nothing are 0. -> [B, M, T, S]."""
    scores = query @ key.transpose(-1, -2) * scale
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is None:
        return scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))
    weights = scores.masked_fill(~mask, -torch.inf).softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))
    return weights.masked_fill(~mask, 0.0)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool, scale: float, dropout: Dropout) -> Tensor:
    """sum_s a_ts v_s for each head. query: [B, M, T, d], key and value: [B, M, S, d] -> [B, M, T, d]."""
    p = dropout.probability if dropout.active else 0.0
    if takes(query, key, value, mask, p):
        place, first = dropout.draw(query)
        return written_out(query, key, value, causal, scale, p, place, first)
    if p:
        return dropout(attention_weights(query, key, mask, causal, scale)).to(value.dtype) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal, scale=scale)


def spread(x: Tensor, heads: int) -> Tensor:
    """Heads of keys or values repeated, so that there is one for each query: [B, G, S, d] -> [B, M, S, d]; a view if G is 1 or M, else a copy."""
    groups = x.shape[1]
    return x if groups == heads else x[:, :, None].expand(-1, -1, heads // groups, -1, -1).flatten(1, 2)


class Attention(nn.Module):
    """y_t = sum_m T^m sum_s a^m_ts v^m_s, with q = Q s + b_Q, k = K s + b_K, v = A u + b_A (1.1b-d).

    Parameters: `query` Q [M d, S], `key` K [G d, S], `value` A [n d, D], `out` T [D, M d], whose column blocks are the T^m; `tau` [M] if learned.
    n is 1 for a shared value (1.1b), else G, the number of key-value heads; S is D, or n d when queries and keys are made from h (1.2c).
    """

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        key_value_heads: int,
        head_width: int,
        value: str,
        value_activation: str,
        attend: str,
        tau: str,
        phi: str,
        biases: str,
        dropout: float,
    ):
        super().__init__()
        self.heads, self.groups, self.head_width = heads, key_value_heads, head_width
        self.value_heads = 1 if value == "shared" else key_value_heads
        source = self.value_heads * head_width if attend == "h" else width
        self.query = Linear(source, heads * head_width, bias=biases != "none")
        self.key = Linear(source, key_value_heads * head_width, bias=biases != "none")
        self.value = Linear(width, self.value_heads * head_width, bias=biases != "none")
        self.out = Linear(heads * head_width, width, bias=biases == "all")
        self.dropout = Dropout(dropout)
        self.activation: Callable[[Tensor], Tensor] = PHI[phi] if value_activation == "phi" else nn.Identity()
        self.sources = {"x": lambda source, value: source, "h": lambda source, value: value}[attend]
        self.scale = {"1/sqrt(D)": 1 / math.sqrt(width), "1/sqrt(d_k)": 1 / math.sqrt(head_width), "1": 1.0, "learned": 1.0}[tau]
        self.tau = nn.Parameter(torch.full((heads,), 1 / math.sqrt(head_width))) if tau == "learned" else None

    def forward(
        self,
        source: Tensor,
        u: Tensor,
        normalize_value: Callable[[Tensor], Tensor],
        *,
        memory: Tensor | None = None,
        table: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
        cache: KeyValueCache | None = None,
        layer: int = 0,
        record: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """source: what queries and keys are made from, u: what values are made from, [B, T, D] -> y [B, T, D].

        memory: the second sequence [B, S, D], from which keys and values then come (3.2). table: rotary cos and sin. record: filled with "attention.{layer}".
        """
        query, key, value = self.project(source, u, normalize_value, memory)
        if table is not None:
            query, key = rotate(query, table), rotate(key, table)
        if self.tau is not None:
            query = query * self.tau[:, None, None]
        if cache is not None:
            key, value = cache.extend(layer, key, value)
        key, value = spread(key, self.heads), spread(value, self.heads)
        if record is not None:
            record[f"attention.{layer}"] = attention_weights(query, key, mask, causal, self.scale)
        y = attend(query, key, value, mask, causal, self.scale, self.dropout)
        return self.out(y.transpose(1, 2).flatten(-2))

    def project(self, source: Tensor, u: Tensor, normalize_value: Callable[[Tensor], Tensor], memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, M, T, d], keys [B, G, S, d] and values [B, n, S, d]."""
        value = normalize_value(self.activation(self.value(u if memory is None else memory)))
        source = self.sources(source, value)
        query, key = self.query(source), self.key(source if memory is None else memory)
        return self.split(query), self.split(key), self.split(value)

    def split(self, x: Tensor) -> Tensor:
        """[B, T, H d] -> [B, H, T, d]."""
        return x.unflatten(-1, (-1, self.head_width)).transpose(1, 2)
