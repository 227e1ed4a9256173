"""One step of the transformer for writing on a CPU: every switch is resolved once, matrices are packed, and nothing is called that need not be.

It equals `Transformer.forward` with a cache. `prepare` chooses it where it applies and the plain `Decoder` everywhere else.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.generation.decoder import Decoder
from workings.layers.fast.available import enabled
from workings.layers.fast.decode import Pair, PairedCache, make_product
from workings.models.block import Block
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer


def prepare(model: nn.Module, quantize: str = "none") -> Decoder:
    """The fastest decoder for this model: `FastDecoder` for a transformer in float32 or bfloat16 on a CPU, else `Decoder`.

    quantize: how matrices are kept: "none" (as the model has them), "bfloat16" or "int8". Where the fast one does not apply, the model stays as it is.
    """
    weight = model.embedding.weight
    sharded = hasattr(model, "unshard")  # `fully_shard` has made its weights parts of a whole
    fits = isinstance(model, Transformer) and not sharded and not model.settings.cross_attention and weight.device.type == "cpu" and enabled()
    if not fits or weight.dtype not in (torch.float32, torch.bfloat16):
        return Decoder(model)
    return FastDecoder(model, str(weight.dtype).removeprefix("torch.") if quantize == "none" else quantize)


class FastDecoder(Decoder):
    """Reads with the model itself, steps with packed matrices; the residual stream, the cache and attention are float32."""

    @torch.inference_mode()
    def __init__(self, model: Transformer, storage: str):
        super().__init__(model)
        s = model.settings
        self.embedding = model.embedding.weight.detach().float()
        self.layers = [make_layer(block, s, storage) for block in model.blocks]
        self.final_norm = make_norm(model.final_norm)
        self.head = make_product(model.embedding.weight if model.head is None else model.head.weight, None, storage)
        steps = torch.arange(s.context)[None]
        zeros = torch.zeros(1, s.context, s.width)
        self.places = None if s.position in ("rotary", "none") else model.place(zeros, steps)[0].float()  # [T, D]
        self.turns = doubled(model.rotary_table(steps)) if s.position == "rotary" else None

    @torch.inference_mode()
    def read(self, texts: Sequence[Sequence[int]], room: int = 0) -> Tensor:
        """As `Decoder.read`; what the model has cached becomes the paired cache."""
        logits = super().read(texts, room)
        self.cache = PairedCache(self.cache.keys, self.cache.values, self.cache.length, self.cache.columns)
        self.hide()
        return logits

    @torch.inference_mode()
    def reorder(self, rows: Tensor) -> None:
        """As `Decoder.reorder`."""
        super().reorder(rows)
        self.hide()

    def hide(self) -> None:
        """What padding means for scores and positions: -inf [B, columns], and how many columns a row starts late [B]."""
        self.padding = None if self.visible is None else torch.zeros(self.visible.shape).masked_fill_(~self.visible, -torch.inf)
        self.late = None if self.visible is None else (~self.visible).sum(-1)

    @torch.autocast("cpu", enabled=False)  # samples are also written in the middle of training
    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, [B] -> logits [B, V]."""
        t = self.cache.length
        place = slice(t, t + 1) if self.late is None else t - self.late
        x = F.embedding(tokens, self.embedding)
        if self.places is not None:
            x = x + self.places[place]
        turn = None if self.turns is None else (self.turns[0][place], self.turns[1][place])
        for layer, pair in zip(self.layers, self.cache.layers, strict=True):
            x = layer(x, pair, t, turn, self.padding)
        self.cache.length = t + 1
        return self.head(self.final_norm(x))


Layer = Callable[[Tensor, Pair, int, tuple[Tensor, Tensor] | None, Tensor | None], Tensor]
"""x [B, D], the layer's keys and values, the column t, the turn of rotary positions, padding -> x [B, D]."""


def make_layer(block: Block, s: TransformerSettings, storage: str) -> Layer:
    """The steps of `Block.forward` for one token a row."""
    attention_norm, feed_forward_norm = make_norm(block.attention_norm), make_norm(block.feed_forward_norm)
    attend, feed = make_attention(block, s, attention_norm, storage), make_feed_forward(block.feed_forward, storage)
    enter, add = block.enter, block.add

    def one_residual(x: Tensor, *seen) -> Tensor:
        return add(feed_forward_norm, x, feed(enter(feed_forward_norm, attend(x, *seen))))

    def two_residuals(x: Tensor, *seen) -> Tensor:
        x = add(attention_norm, x, attend(x, *seen))
        return add(feed_forward_norm, x, feed(enter(feed_forward_norm, x)))

    return one_residual if s.residuals == "one" else two_residuals


def make_attention(block: Block, s: TransformerSettings, norm: Callable[[Tensor], Tensor], storage: str) -> Callable[..., Tensor]:
    """y of one token a row; Q, K and A are one matrix when they are made from the same vector. The scale of the scores is in Q."""
    part = block.attention
    heads, groups, width = part.heads, part.groups, part.head_width
    turned, total = heads + groups, heads + groups + part.value_heads
    scale = (torch.full((heads,), part.scale) if part.tau is None else part.tau.detach() * part.scale).repeat_interleave(width)
    query, query_bias = part.query.weight.float() * scale[:, None], None if part.query.bias is None else part.query.bias.float() * scale
    matrices, biases = [query, part.key.weight.float()], [query_bias, None if part.key.bias is None else part.key.bias.float()]
    out = make_product(part.out.weight, part.out.bias, storage)

    if s.normalize == "all" and s.attend == "x" and s.value_activation == "none":
        everything = make_product(*stack([*matrices, part.value.weight], [*biases, part.value.bias]), storage)

        def project(x: Tensor) -> Tensor:
            source, _, _ = block.normalize(norm, x)
            return everything(source)
    else:
        query_key, value_of = make_product(*stack(matrices, biases), storage), make_product(part.value.weight, part.value.bias, storage)

        def project(x: Tensor) -> Tensor:
            source, u, normalize_value = block.normalize(norm, x)
            value = normalize_value(part.activation(value_of(u)))
            return torch.cat((query_key(part.sources(source, value)), value), dim=-1)

    def attend(x: Tensor, pair: Pair, t: int, turn: tuple[Tensor, Tensor] | None, padding: Tensor | None) -> Tensor:
        y = project(x).view(-1, total, width)
        if turn is not None:
            rotate(y[:, :turned], turn)
        query, new = y.transpose(0, 1).split((heads, total - heads))
        pair.both.select(2, t).copy_(new)
        return out(pair.attend(query, t + 1, padding))

    return attend


def make_feed_forward(part: nn.Module, storage: str) -> Callable[[Tensor], Tensor]:
    """C phi(B z + b_B) + b_C; gated, G and B are one matrix."""
    down = make_product(part.down.weight, part.down.bias, storage)
    if hasattr(part, "gate"):
        both = make_product(*stack([part.gate.weight, part.up.weight], [part.gate.bias, part.up.bias]), storage)

        def gated(z: Tensor) -> Tensor:
            gate, up = both(z).chunk(2, dim=-1)
            return down(F.silu(gate).mul_(up))

        return gated
    up, phi = make_product(part.up.weight, part.up.bias, storage), part.phi
    return lambda z: down(phi(up(z)))


def make_norm(norm: nn.Module | None) -> Callable[[Tensor], Tensor]:
    """A norm as one call of torch, or nothing where the model has none."""
    if norm is None:
        return lambda x: x
    shape, weight, epsilon = list(norm.weight.shape), norm.weight.detach().float(), norm.eps
    if isinstance(norm, nn.RMSNorm):
        return lambda x: torch.rms_norm(x, shape, weight, epsilon)
    bias = None if norm.bias is None else norm.bias.detach().float()
    return lambda x: torch.layer_norm(x, shape, weight, bias, epsilon)


def stack(weights: list[Tensor], biases: list[Tensor | None]) -> tuple[Tensor, Tensor | None]:
    """Matrices above one another, and their biases."""
    return torch.cat([weight.float() for weight in weights]), None if biases[0] is None else torch.cat([bias.float() for bias in biases])


def doubled(table: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """cos, sin [1, 1, T, d/2] -> (cos, cos) and (-sin, sin), [T, 1, d], so that q' = q (cos, cos) + (q_2, q_1) (-sin, sin)."""
    cos, sin = (part[0, 0][:, None] for part in table)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> None:
    """Turn each pair (x_i, x_{i + d/2}) in place. x: [B, heads, d]; turn: two of [B or 1, 1, d]."""
    swapped = x.roll(x.shape[-1] // 2, -1)
    x.mul_(turn[0]).addcmul_(swapped, turn[1])
