"""One layer of the transformer: attention, aggregation, feed-forward, residuals and norms (statements 1.1b-e, 1.2b)."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from workings.layers.attention import Attention
from workings.layers.dropping import Dropout, StochasticDepth
from workings.layers.feed_forward import make_feed_forward
from workings.layers.masks import EVERYTHING, Mask
from workings.layers.norms import make_norm
from workings.layers.positions import at
from workings.models.settings import TransformerSettings

Norm = Callable[[Tensor], Tensor]


def same(x: Tensor) -> Tensor:
    """x, where a switch asks for nothing."""
    return x


def normalize_all(norm: Norm, x: Tensor) -> tuple[Tensor, Tensor, Norm]:
    """x° feeds queries, keys and values."""
    normal = norm(x)
    return normal, normal, same


NORMALIZE: dict[str, Callable[[Norm, Tensor], tuple[Tensor, Tensor, Norm]]] = {
    "attention": lambda norm, x: (norm(x), x, same),
    "all": normalize_all,
    "h": lambda norm, x: (x, x, norm),
    "nothing": lambda norm, x: (x, x, same),
}
"""(1.2b) From the norm and x: what queries and keys are made from, what values are made from, and what is done to the values."""

ENTER: dict[str, Callable[[Norm, Tensor], Tensor]] = {"lecture": lambda norm, x: x, "pre": lambda norm, x: norm(x), "post": lambda norm, x: x}
"""How a part sees its input."""

ADD: dict[str, Callable[[Norm, Tensor, Tensor], Tensor]] = {
    "lecture": lambda norm, x, y: x + y,
    "pre": lambda norm, x, y: x + y,
    "post": lambda norm, x, y: norm(x + y),
}
"""How a part's output joins the residual stream."""


class Block(nn.Module):
    """x^l = x^{l-1} + y'' (1.1e), or the same with a residual of its own around attention, or with none."""

    def __init__(self, s: TransformerSettings, layer: int):
        super().__init__()
        two, pre, post = s.residuals == "two", s.placement == "pre", s.placement == "post"
        sizes: dict[str, Any] = dict(width=s.width, heads=s.heads, key_value_heads=s.key_value_heads, head_width=s.head_width)
        sizes |= dict(value=s.value, tau=s.tau, phi=s.phi, biases=s.biases, dropout=s.dropout)
        sizes |= dict(query_key_norm=s.query_key_norm, norm_epsilon=s.norm_epsilon)

        def norm(needed: bool, width: int = s.width) -> nn.Module | None:
            return make_norm(s.norm, width, s.norm_epsilon, s.biases != "none") if needed else None

        self.attention = Attention(**sizes, attend=s.attend, value_activation=s.value_activation)
        self.attention_norm = norm(two or not post, self.attention.value_heads * s.head_width if s.normalize == "h" else s.width)
        self.cross = Attention(**sizes, attend="x", value_activation="none") if s.cross_attention else None
        self.cross_norm = norm(s.cross_attention and (pre or (post and two)))
        self.feed_forward = make_feed_forward(s.width, s.ff_width, s.phi, s.biases in ("all", "lecture"))
        self.feed_forward_norm = norm(pre or post)
        self.dropout = nn.ModuleList(Dropout(s.dropout) for _ in range(3))
        skip = s.stochastic_depth * (layer / (s.layers - 1) if s.layers > 1 else 1.0)
        self.depth = nn.ModuleList(StochasticDepth(skip) for _ in range(3))
        self.normalize = NORMALIZE["nothing" if post else s.normalize]
        self.enter, self.add = ENTER[s.placement], ADD[s.placement]
        self.combine = {"none": Block.no_residual, "one": Block.one_residual, "two": Block.two_residuals}[s.residuals]

    def forward(self, x: Tensor, memory: Tensor | None = None, memory_mask: Mask = EVERYTHING, **seen: Any) -> Tensor:
        """x: [B, T, D] -> [B, T, D]. memory: [B, S, D]. seen: what `Attention.forward` takes by name.

        Those are table, mask, cache, layer, record, asked and packing. Packed, x is [1, N, D], and so is the answer unless one row a sequence is asked for.
        """
        return self.combine(self, x, memory, memory_mask, seen)

    def one_residual(self, x: Tensor, memory: Tensor | None, memory_mask: Mask, seen: dict[str, Any]) -> Tensor:
        """x + C phi(B y + b_B) + b_C with y the attention's output (1.1d-e)."""
        return self.add(self.feed_forward_norm, self.wanted(x, seen), self.say(x, memory, memory_mask, seen))

    def no_residual(self, x: Tensor, memory: Tensor | None, memory_mask: Mask, seen: dict[str, Any]) -> Tensor:
        """The same without x: what (1.1e) is compared with."""
        y = self.say(x, memory, memory_mask, seen)
        return self.add(self.feed_forward_norm, y.new_zeros(()), y)

    def say(self, x: Tensor, memory: Tensor | None, memory_mask: Mask, seen: dict[str, Any]) -> Tensor:
        """y'': the feed-forward part of what attention says (1.1d)."""
        y = self.attend(x, seen)
        if memory is not None:
            y = y + self.attend_memory(y, memory, memory_mask, seen)
        return self.feed(y, seen)

    def two_residuals(self, x: Tensor, memory: Tensor | None, memory_mask: Mask, seen: dict[str, Any]) -> Tensor:
        """x + y, then x + C phi(B x + b_B) + b_C."""
        x = self.add(self.attention_norm, self.wanted(x, seen), self.attend(x, seen))
        if memory is not None:
            x = self.add(self.cross_norm, x, self.attend_memory(x, memory, memory_mask, seen))
        return self.add(self.feed_forward_norm, x, self.feed(x, seen))

    def wanted(self, x: Tensor, seen: dict[str, Any]) -> Tensor:
        """The rows that attention answers for."""
        return at(x, seen.get("asked"), seen.get("packing"))

    def drop(self, number: int, y: Tensor, seen: dict[str, Any]) -> Tensor:
        """Dropout and stochastic depth of a part's output, of all rows or of those that are asked for."""
        return self.depth[number](self.dropout[number](y, seen.get("packing") if seen.get("asked") is None else None))

    def attend(self, x: Tensor, seen: dict[str, Any]) -> Tensor:
        """y = sum_m T^m sum_s a^m_ts v^m_s."""
        return self.drop(0, self.attention(*self.normalize(self.attention_norm, x), **seen), seen)

    def attend_memory(self, x: Tensor, memory: Tensor, mask: Mask, seen: dict[str, Any]) -> Tensor:
        """The same over the second sequence: A_st = Q[:, s] . K[:, t] (3.2)."""
        place = {name: seen.get(name) for name in ("cache", "layer", "record")}
        return self.drop(1, self.cross(self.enter(self.cross_norm, x), x, same, memory=memory, mask=mask, **place), seen)

    def feed(self, z: Tensor, seen: dict[str, Any]) -> Tensor:
        """y'' = C phi(B z + b_B) + b_C."""
        return self.drop(2, self.feed_forward(self.enter(self.feed_forward_norm, z)), seen)
