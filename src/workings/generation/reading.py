"""Prompts, read for writing on a CPU: texts lie one after another without padding, and keys and values go straight to the cache of the steps.

For layers with a norm before each of two residual parts (GPT-2, Llama). It equals `Transformer.hidden` with a cache, at the last token of each text.
The residual stream and attention are float32; in bfloat16 only what enters a product is rounded. Of the last layer's tokens only the last is finished:
the others are asked for nothing but their keys and values.
"""

import torch
from torch import Tensor, nn

from workings.layers.attention import Attention
from workings.layers.fast import packed
from workings.layers.fast.available import SHORT, WIDEST, has_bfloat16
from workings.layers.fast.compiler import library, run
from workings.layers.fast.decode import Pair, PairedCache
from workings.layers.fast.packed import FUSED, SIXTEEN, PackedProduct
from workings.layers.fast.prenorm import PreNorm
from workings.models.block import Block
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer

WORTH_PACKING = 128
"""Prompts with fewer tokens in all are read by the model itself. Packing takes the time that is gained on 200 tokens in bfloat16, on 400 in float32."""


def fits(model: Transformer) -> bool:
    """Whether prompts of this model, whose steps `decode.c` knows, can be read here: heads as our kernel takes them, products that this machine has."""
    s, dtype = model.settings, model.embedding.weight.dtype
    known = s.head_width % SIXTEEN == 0 and max(s.width, s.ff_width) <= WIDEST and (s.phi == "gated" or s.phi in FUSED)
    return known and packed.available() and library() is not None and (dtype == torch.float32 or has_bfloat16())


class PackedReader:
    """Reads prompts with a packed copy of all matrices of the layers: as many bytes again as the model itself, without its embedding."""

    @torch.inference_mode()
    def __init__(self, model: Transformer, turns: tuple[Tensor, Tensor] | None):
        """turns: cos and sin [T, d/2] of rotary positions."""
        dtype = model.embedding.weight.dtype
        *layers, last = model.blocks
        self.layers = [Layer(block, model.settings, dtype, turns) for block in layers] + [LastLayer(last, model.settings, dtype, turns)]
        self.final_norm = PreNorm(model.final_norm, dtype)

    def read(self, x: Tensor, starts: Tensor, cache: PairedCache) -> Tensor:
        """What the model says of the last token of each text, [B, D], in the precision of its products.

        x: [N, D] in float32, used up; text i is rows starts[i] ... starts[i + 1] - 1. cache: empty, with a row for each text.
        """
        longest, y = int(starts.diff().max()), None
        for layer, pair in zip(self.layers, cache.layers, strict=True):
            x, y = layer(x, y, starts, longest, pair)
        cache.length = longest
        return self.final_norm(x, y)


class Layer:
    """x <- x + attention(N(x)), x <- x + C phi(B N(x) + b_B) + b_C."""

    def __init__(self, block: Block, s: TransformerSettings, dtype: torch.dtype, turns: tuple[Tensor, Tensor] | None):
        part, feed = block.attention, block.feed_forward
        self.attend = CausalAttention(part, s.window, turns)
        self.norms = PreNorm(block.attention_norm, dtype), PreNorm(block.feed_forward_norm, dtype)
        self.products(part, dtype)
        self.out, self.down, self.is_gated = product([part.out], dtype), product([feed.down], dtype), s.phi == "gated"
        self.up = product([feed.gate, feed.up], dtype) if self.is_gated else product([feed.up], dtype, s.phi)

    def products(self, part: Attention, dtype: torch.dtype) -> None:
        """Queries, keys and values come from one product."""
        self.everything, self.queries = product([part.query, part.key, part.value], dtype), part.heads * part.head_width

    def __call__(self, x: Tensor, y: Tensor | None, starts: Tensor, longest: int, pair: Pair) -> tuple[Tensor, Tensor]:
        """x: [N, D], changed in place, y: what is still to be added to it -> x, and what is then still to be added."""
        everything = self.everything(self.norms[0](x, y))
        query, both = everything[:, : self.queries], everything[:, self.queries :]
        return x, self.feed(x, self.out(self.attend(query, both, starts, longest, pair)))

    def feed(self, x: Tensor, y: Tensor) -> Tensor:
        """C phi(B N(x + y) + b_B) + b_C."""
        z = self.up(self.norms[1](x, y))
        if not self.is_gated:
            return self.down(z)
        h = z.new_empty(len(z), z.shape[1] // 2)
        run("gated", h, z, len(z), h.shape[1], SHORT[z.dtype])
        return self.down(h)


class LastLayer(Layer):
    """The same, finished for the last token of each text only."""

    def products(self, part: Attention, dtype: torch.dtype) -> None:
        """Queries are asked for apart from keys and values."""
        self.query, self.both = product([part.query], dtype), product([part.key, part.value], dtype)

    def __call__(self, x: Tensor, y: Tensor | None, starts: Tensor, longest: int, pair: Pair) -> tuple[Tensor, Tensor]:
        """As `Layer`, but what is returned has one row for each text."""
        last, normal = starts[1:] - 1, self.norms[0](x, y)
        mixed = self.attend(self.query(normal[last]), self.both(normal), starts, longest, pair)
        x = x[last]
        return x, self.feed(x, self.out(mixed))


class CausalAttention:
    """sum_s a_ts v_s of each head with s <= t (1.1c-d), inside each text; keys and values are left in the cache."""

    def __init__(self, part: Attention, window: int, turns: tuple[Tensor, Tensor] | None):
        self.sizes, self.window = (part.heads, part.groups, part.value_heads, part.head_width), window
        scales = torch.full((part.heads,), part.scale)
        self.scales = scales if part.tau is None else scales * part.tau.detach().float()
        self.turns = (None, None) if turns is None else turns
        self.norm, self.epsilon = None, 0.0
        if part.query_norm is not None and part.key_norm is not None:
            weights = part.query_norm.weight.expand(part.heads, -1), part.key_norm.weight.expand(part.groups, -1)
            self.norm, self.epsilon = torch.cat(weights).float(), float(part.query_norm.eps)

    def __call__(self, query: Tensor, both: Tensor, starts: Tensor, longest: int, pair: Pair) -> Tensor:
        """query: [N, M d], or [B, M d] for the last token of each text; both: keys and values [N, (G + n) d] -> as query.

        Rows of either may lie further apart than they are long.
        """
        y = query.new_empty(query.shape)
        texts, last = len(starts) - 1, int(len(query) < len(both))
        pointers = y, query, both, pair.both, starts, *self.turns, self.norm, self.scales
        rows = query.stride(0), both.stride(0)
        run("read_attention", *pointers, self.epsilon, texts, longest, pair.both.shape[2], *self.sizes, *rows, self.window, last, SHORT[query.dtype])
        return y


def product(layers: list[nn.Linear], dtype: torch.dtype, phi: str = "none") -> PackedProduct:
    """The maps of several layers as one, with a nonlinearity."""
    return PackedProduct([layer.weight for layer in layers], [layer.bias for layer in layers], dtype, phi)
