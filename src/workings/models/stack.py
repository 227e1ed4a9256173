"""What every transformer has in common, whatever its vectors are made from: positions, layers, the last norm (statements 1.1a-e, 1.2a-d)."""

import math

import torch
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers import positions
from workings.layers.cache import KeyValueCache
from workings.layers.dropping import Dropout
from workings.layers.masks import visibility
from workings.layers.norms import make_norm
from workings.layers.packing import packing_of
from workings.models.block import Block
from workings.models.settings import TransformerSettings


class Stack(nn.Module):
    """Vectors x^0 [B, T, D] -> x^L [B, T, D]: where each stands (1.1a), then L layers (1.1b-e).

    Parameters: `positions` [offset + T, D] if learned; `embedding_norm` if asked for; `blocks`; `final_norm` if placement is pre.
    """

    LAYER: type[Block] = Block
    """What a layer is."""

    def __init__(self, settings: TransformerSettings):
        super().__init__()
        s = self.settings = settings
        self.positions = nn.Embedding(s.position_offset + s.context, s.width) if s.position == "learned" else None
        self.embedding_norm = make_norm(s.norm, s.width, s.norm_epsilon, s.biases != "none") if s.embedding_norm else None
        self.dropout = Dropout(s.dropout)
        self.blocks = nn.ModuleList(self.LAYER(s, layer) for layer in range(s.layers))
        self.final_norm = make_norm(s.norm, s.width, s.norm_epsilon, s.biases != "none") if s.placement == "pre" else None
        self.place = {
            "lecture": self.add_lecture,
            "sinusoidal": self.add_sinusoidal,
            "sinusoidal-halves": self.add_sinusoidal_halves,
            "learned": self.add_learned,
        }.get(s.position, self.add_nothing)
        self.table = self.rotary_table if s.position == "rotary" else self.no_table

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: biases 0, norms 1, matrices as `initialization` says; T and C also by the number of residual sums."""
        s = self.settings
        sums = math.sqrt({"none": 1, "one": s.layers, "two": 2 * s.layers}[s.residuals])
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                std = 0.02 if s.initialization == "normal" else module.in_features**-0.5
                nn.init.normal_(module.weight, std=std / sums if name.endswith((".out", ".down")) else std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def run(
        self,
        x: Tensor,
        *,
        visible: Tensor | None = None,
        cache: KeyValueCache | None = None,
        memory: Tensor | None = None,
        memory_visible: Tensor | None = None,
        record: dict[str, Tensor] | None = None,
        asked: Tensor | None = None,
        told: Tensor | None = None,
    ) -> Tensor:
        """What the last layer says of each vector, [B, T, D].

        x: [B, T, D]; with a cache, only the new ones. visible: [B, columns], True for a token and False for padding on either side, cached columns included.
        memory: [B, S, D], memory_visible: [B, S]. record: a dict that is filled with "embedding" [B, T, D], "attention.{l}" [B, M, T, S],
        "hidden.{l}" [B, T, D] and "output" [B, T, D]. asked: [B], the only vector of each sequence that somebody wants to hear of: the last layer then answers
        for it alone, [B, 1, D]; not with a cache. told: a vector for each sequence that every layer is given, [B, E], where layers take one.
        In training, a batch with much padding is worked on without it, row by row the same.
        """
        if (memory is not None) != self.settings.cross_attention:
            raise BadInput("A second sequence (memory) goes with model.cross_attention=true, and that switch needs one; give both or neither.")
        past = cache.length if cache is not None else 0
        new = x.shape[1]
        steps = self.steps(visible, past, new, x.device)
        mask = visibility(self.settings.causal, visible, new, past + new, x.device, self.settings.window)
        memory_mask = visibility(False, memory_visible, new, new, x.device)
        table = self.table(steps, x)
        packing = packing_of(visible) if self.training and cache is None and memory is None and record is None and not self.settings.stochastic_depth else None
        if packing is not None:
            x, steps = packing.pack(x), packing.pack(steps)
        x = self.place(x, steps)
        x = self.dropout(x if self.embedding_norm is None else self.embedding_norm(x), packing)
        seen = dict(table=table, mask=mask, cache=cache, record=record, packing=packing)
        seen |= {} if told is None else {"told": told}
        note(record, "embedding", x)
        for layer, block in enumerate(self.blocks):
            if asked is not None and layer == len(self.blocks) - 1:
                seen |= dict(asked=asked, mask=mask.of(asked, new))
            x = block(x, memory, memory_mask, layer=layer, **seen)
            note(record, f"hidden.{layer}", x)
        if cache is not None:
            cache.advance(new)
        x = x if self.final_norm is None else self.final_norm(x)
        note(record, "output", x)
        return x if packing is None or asked is not None else packing.unpack(x)

    def steps(self, visible: Tensor | None, past: int, new: int, device: torch.device) -> Tensor:
        """The position t of each new token, [1 or B, T]: how many visible tokens stand before it."""
        if visible is None:
            return torch.arange(past, past + new, device=device)[None]
        return (visible.long().cumsum(-1) - 1).clamp(min=0)[:, past:]

    def no_table(self, steps: Tensor, x: Tensor) -> None:
        """Nothing is turned."""

    def rotary_table(self, steps: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin for `rotate`, [1 or B, 1, T, d/2], float32 or the precision of x if that is higher."""
        s = self.settings
        frequencies = positions.rotary_frequencies(s.head_width, s.rope_theta)
        if s.rope_scaling == "linear":
            frequencies = frequencies / s.rope_factor
        elif s.rope_scaling == "llama3":
            frequencies = positions.stretched(frequencies, s.rope_factor, s.rope_low_frequency, s.rope_high_frequency, s.rope_original_context)
        cos, sin = positions.rotary_table(steps, frequencies)
        dtype = torch.promote_types(x.dtype, torch.float32)
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

    def add_sinusoidal_halves(self, x: Tensor, steps: Tensor) -> Tensor:
        """x_t plus the same numbers, sines first."""
        return x + positions.sinusoidal_halves(steps, self.settings.width, self.settings.rope_theta).to(x.dtype)

    def add_learned(self, x: Tensor, steps: Tensor) -> Tensor:
        """x_t plus the t-th row of a table, which ends at `context`."""
        if not torch.compiler.is_compiling() and steps.shape[1] and steps.max() >= self.settings.context:
            raise BadInput(f"The text is longer than the {self.settings.context} positions that this model has learned; give it less at a time.")
        return x + self.positions(steps + self.settings.position_offset)

    def new_cache(self, rows: int, columns: int, dtype: torch.dtype | None = None) -> KeyValueCache:
        """An empty cache for that many rows and columns, in the model's precision unless told otherwise."""
        first = self.blocks[0].attention
        weight = first.out.weight
        return KeyValueCache(
            len(self.blocks), rows, columns, first.groups, first.value_heads, first.head_width, dtype=dtype or weight.dtype, device=weight.device
        )


def note(record: dict[str, Tensor] | None, name: str, x: Tensor) -> None:
    """Keep x under that name, if somebody wants to look."""
    if record is not None:
        record[name] = x
