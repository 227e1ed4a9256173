"""The transformer: the lecture's, GPT-2's and Llama's by its switches (statements 1.1a-e, 1.2a-d, 2.1, 2.2a-b, 3.2)."""

import math

import torch
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers import positions
from workings.layers.attention import visibility
from workings.layers.cache import KeyValueCache
from workings.layers.dropping import Dropout, number_places
from workings.layers.linear import Linear, linear
from workings.layers.norms import make_norm
from workings.models.block import Block
from workings.models.settings import TransformerSettings


class Transformer(nn.Module):
    """Tokens [B, T] -> logits [B, T, V].

    x_t = A^0[w_t, :] (2.1), plus its position (1.1a); L layers (1.1b-e); P = A^0 Y (2.2b).
    Parameters: `embedding` A^0 [V, D]; `positions` [T, D] if learned; `blocks`; `final_norm` if placement is pre; `head` [V, D] if not tied.
    """

    def __init__(self, settings: TransformerSettings):
        super().__init__()
        s = self.settings = settings
        if s.vocabulary < 1:
            raise BadInput("model.vocabulary is 0; a transformer needs at least one token.")
        self.embedding = nn.Embedding(s.vocabulary, s.width)
        self.positions = nn.Embedding(s.context, s.width) if s.position == "learned" else None
        self.dropout = Dropout(s.dropout)
        self.blocks = nn.ModuleList(Block(s, layer) for layer in range(s.layers))
        self.final_norm = make_norm(s.norm, s.width, s.norm_epsilon, s.biases != "none") if s.placement == "pre" else None
        self.head = None if s.tied else Linear(s.width, s.vocabulary, bias=False)
        self.place = {"lecture": self.add_lecture, "sinusoidal": self.add_sinusoidal, "learned": self.add_learned}.get(s.position, self.add_nothing)
        self.table = self.rotary_table if s.position == "rotary" else self.no_table
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: biases 0, norms 1, matrices as `initialization` says; T and C also by the number of residual sums."""
        s = self.settings
        sums = math.sqrt(s.layers * (1 if s.residuals == "one" else 2))
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                std = 0.02 if s.initialization == "normal" else module.in_features**-0.5
                nn.init.normal_(module.weight, std=std / sums if name.endswith((".out", ".down")) else std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: Tensor, **given) -> Tensor:
        """P = A^0 Y (2.2b): logits [B, T, V]. Arguments as `hidden`."""
        return self.predict(self.hidden(tokens, **given))

    def hidden(
        self,
        tokens: Tensor,
        *,
        visible: Tensor | None = None,
        cache: KeyValueCache | None = None,
        memory: Tensor | None = None,
        memory_visible: Tensor | None = None,
        record: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """X -> Y (2.2a): what the last layer says of each token, [B, T, D].

        tokens: [B, T]; with a cache, only the new ones. visible: [B, columns], True for a token and False for padding on either side, cached columns included.
        memory: [B, S, D], memory_visible: [B, S]. record: a dict that is filled with "attention.{l}" [B, M, T, S] and "hidden.{l}" [B, T, D].
        """
        if (memory is not None) != self.settings.cross_attention:
            raise BadInput("A second sequence (memory) goes with model.cross_attention=true, and that switch needs one; give both or neither.")
        past = cache.length if cache is not None else 0
        new = tokens.shape[1]
        steps = self.steps(visible, past, new, tokens.device)
        mask, causal = visibility(self.settings.causal, visible, new, past + new, tokens.device)
        memory_mask = None if memory_visible is None else memory_visible[:, None, None, :]
        table = self.table(steps)
        x = self.dropout(self.place(self.embedding(tokens), steps))
        for layer, block in enumerate(self.blocks):
            x = block(x, memory, memory_mask, table=table, mask=mask, causal=causal, cache=cache, layer=layer, record=record)
            if record is not None:
                record[f"hidden.{layer}"] = x
        if cache is not None:
            cache.advance(new)
        return x if self.final_norm is None else self.final_norm(x)

    def predict(self, y: Tensor) -> Tensor:
        """P_t = A^0 y_t (tied, 2.2b) or H y_t. y: [..., D] -> [..., V]."""
        return linear(y, self.embedding.weight if self.head is None else self.head.weight)

    def steps(self, visible: Tensor | None, past: int, new: int, device: torch.device) -> Tensor:
        """The position t of each new token, [1 or B, T]: how many visible tokens stand before it."""
        if visible is None:
            return torch.arange(past, past + new, device=device)[None]
        return (visible.long().cumsum(-1) - 1).clamp(min=0)[:, past:]

    def no_table(self, steps: Tensor) -> None:
        """Nothing is turned."""

    def rotary_table(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin for `rotate`, [1 or B, 1, T, d/2], float32 or the model's precision if that is higher."""
        cos, sin = positions.rotary_table(steps, self.settings.head_width, self.settings.rope_theta)
        dtype = torch.promote_types(self.embedding.weight.dtype, torch.float32)
        return cos[:, None].to(dtype), sin[:, None].to(dtype)

    def add_nothing(self, x: Tensor, steps: Tensor) -> Tensor:
        """Rotary positions act in attention; none act nowhere."""
        return x

    def add_lecture(self, x: Tensor, steps: Tensor) -> Tensor:
        """x_t + sin(t) x range(D) (1.1a)."""
        return x + positions.lecture(steps, self.settings.width).to(x.dtype)

    def add_sinusoidal(self, x: Tensor, steps: Tensor) -> Tensor:
        """x_t plus sines and cosines of t."""
        return x + positions.sinusoidal(steps, self.settings.width, self.settings.rope_theta).to(x.dtype)

    def add_learned(self, x: Tensor, steps: Tensor) -> Tensor:
        """x_t plus the t-th row of a table, which ends at `context`."""
        if steps.shape[1] and steps.max() >= self.settings.context:
            raise BadInput(f"The text is longer than the {self.settings.context} positions that this model has learned; give it less at a time.")
        return x + self.positions(steps)

    def new_cache(self, rows: int, columns: int, dtype: torch.dtype | None = None) -> KeyValueCache:
        """An empty cache for that many rows and columns, in the model's precision unless told otherwise."""
        first = self.blocks[0].attention
        weight = self.embedding.weight
        return KeyValueCache(
            len(self.blocks), rows, columns, first.groups, first.value_heads, first.head_width, dtype=dtype or weight.dtype, device=weight.device
        )
