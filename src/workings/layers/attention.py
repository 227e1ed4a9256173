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
from workings.layers.masks import EVERYTHING, Mask
from workings.layers.packing import Packing
from workings.layers.positions import at, rotate, table_at


def attention_weights(query: Tensor, key: Tensor, mask: Mask, scale: float) -> Tensor:
    """a_ts = softmax over the visible s of scale * q_t . k_s (1.1c); rows that see nothing are 0. -> [B, M, T, S]."""
    scores, seen = query @ key.transpose(-1, -2) * scale, mask.seen
    if seen is None and mask.causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if seen is None:
        return scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))
    return weights.masked_fill(~seen, 0.0)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float, dropout: Dropout) -> Tensor:
    """sum_s a_ts v_s for each head. query: [B, M, T, d], key and value: [B, M, S, d] -> [B, M, T, d]."""
    p = dropout.probability if dropout.active else 0.0
    if takes(query, key, value, mask, p):
        place, first = dropout.draw(query)
        return written_out(query, key, value, mask, scale, p, place, first)
    if p:
        return dropout(attention_weights(query, key, mask, scale)).to(value.dtype) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask.seen, is_causal=mask.causal and mask.seen is None, scale=scale)


def spread(x: Tensor, heads: int) -> Tensor:
    """Heads of keys or values repeated, so that there is one for each query: [B, G, S, d] -> [B, M, S, d]; a view if G is 1 or M, else a copy."""
    groups = x.shape[1]
    return x if groups == heads else x[:, :, None].expand(-1, -1, heads // groups, -1, -1).flatten(1, 2)


def together(query: Tensor, sequences: int) -> Tensor:
    """The queries of rows that share a sequence of keys, side by side: [B, M, T, d] -> [sequences, M, B / sequences T, d]; unchanged if each has its own."""
    if query.shape[0] == sequences:
        return query
    return query.unflatten(0, (sequences, -1)).transpose(1, 2).flatten(2, 3)


def apart(y: Tensor, new: int) -> Tensor:
    """The inverse of `together`, for T = new."""
    return y if y.shape[2] == new else y.unflatten(2, (-1, new)).transpose(1, 2).flatten(0, 1)


class Attention(nn.Module):
    """y_t = sum_m T^m sum_s a^m_ts v^m_s, with q = Q s + b_Q, k = K s + b_K, v = A u + b_A (1.1b-d).

    Parameters: `query` Q [M d, S], `key` K [G d, S], `value` A [n d, D], `out` T [D, M d], whose column blocks are the T^m; `tau` [M] if learned;
    `query_norm`, `key_norm` [d] if queries and keys are normalized.
    n is 1 for a shared value (1.1b), else G, the number of key-value heads; S is D, or n d when queries and keys are made from h (1.2c).
    Keys and values of a second sequence have matrices of its width, `memory_width`, if that is not D; biases "output" leaves T alone with one.
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
        query_key_norm: bool,
        norm_epsilon: float,
        memory_width: int = 0,
    ):
        super().__init__()
        self.heads, self.groups, self.head_width = heads, key_value_heads, head_width
        self.value_heads = 1 if value == "shared" else key_value_heads
        source = self.value_heads * head_width if attend == "h" else width
        biased = biases not in ("none", "output")
        self.query = Linear(source, heads * head_width, bias=biased)
        self.key = Linear(memory_width or source, key_value_heads * head_width, bias=biased)
        self.value = Linear(memory_width or width, self.value_heads * head_width, bias=biased)
        self.out = Linear(heads * head_width, width, bias=biases in ("all", "attention", "output"))
        self.query_norm = nn.RMSNorm(head_width, eps=norm_epsilon) if query_key_norm else None
        self.key_norm = nn.RMSNorm(head_width, eps=norm_epsilon) if query_key_norm else None
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
        mask: Mask = EVERYTHING,
        cache: KeyValueCache | None = None,
        layer: int = 0,
        record: dict[str, Tensor] | None = None,
        asked: Tensor | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """source: what queries and keys are made from, u: what values are made from, [B, T, D] -> y [B, T, D].

        memory: the second sequence [B, S, D], from which keys and values then come (3.2); with a cache, once, and then B may be several times their number:
        rows that lie together share a sequence. table: rotary cos and sin. record: filled with "attention.{layer}", or "cross.{layer}" over a memory.
        asked: the only query of each sequence that is wanted, [B]; then y is [B, 1, D], and the mask that of this query.
        packing: how source and u are packed, [1, N, D], if they are; y is then too. The mask and the table are those of the sequences [B, T].
        """
        query, key, value = self.project(source, u, normalize_value, memory, cache, layer, asked, packing)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if table is not None:
            query, key = rotate(query, table_at(table, asked)), rotate(key, table)
        if self.tau is not None:
            query = query * self.tau[:, None, None]
        if cache is not None and memory is None:
            key, value = cache.extend(layer, key, value)
        key, value = spread(key, self.heads), spread(value, self.heads)
        query, new = together(query, key.shape[0]), query.shape[2]
        if record is not None:
            record[f"{'attention' if memory is None else 'cross'}.{layer}"] = attention_weights(query, key, mask, self.scale)
        y = attend(query, key, value, mask, self.scale, self.dropout)
        return self.out(apart(y, new).transpose(1, 2).flatten(-2) if packing is None or asked is not None else packing.together(y))

    def project(
        self,
        source: Tensor,
        u: Tensor,
        normalize_value: Callable[[Tensor], Tensor],
        memory: Tensor | None,
        cache: KeyValueCache | None,
        layer: int,
        asked: Tensor | None,
        packing: Packing | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, M, T, d], keys [B, G, S, d] and values [B, n, S, d]."""
        if memory is not None and cache is not None:
            key, value = cache.of_memory(layer, lambda: (self.split(self.key(memory)), self.split(self.value(memory))))
            return self.split(self.query(source)), key, value
        value = normalize_value(self.activation(self.value(u if memory is None else memory)))
        source = self.sources(source, value)
        query, key = self.query(at(source, asked, packing)), self.key(source if memory is None else memory)
        return self.split(query, packing if asked is None else None), self.split(key, packing), self.split(value, packing)

    def split(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """[B, T, H d], or packed [1, N, H d] -> [B, H, T, d]."""
        return x.unflatten(-1, (-1, self.head_width)).transpose(1, 2) if packing is None else packing.apart(x, self.head_width)
