"""One step of the transformer for writing on a CPU: every switch is resolved once, matrices are packed, and nothing is called that need not be.

It equals `Transformer.forward` with a cache. `prepare` chooses it where it applies and the plain `Decoder` everywhere else.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.generation import reading
from workings.generation.decoder import Decoder
from workings.generation.reading import PackedReader
from workings.layers.attention import Attention
from workings.layers.fast.available import enabled
from workings.layers.fast.compiler import library
from workings.layers.fast.decode import Pair, PairedCache, make_product
from workings.layers.fast.stepping import PHIS, LayerFields, NormFields, Stepper, norm_fields, product_fields
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
    storage = str(weight.dtype).removeprefix("torch.") if quantize == "none" else quantize
    return WholeDecoder(model, storage) if whole(model.settings) else FastDecoder(model, storage)


class FastDecoder(Decoder):
    """Reads with the model itself, steps with packed matrices; the residual stream, the cache and attention are float32."""

    @torch.inference_mode()
    def __init__(self, model: Transformer, storage: str):
        super().__init__(model)
        s = model.settings
        self.scale, self.enter = 1.0 if model.scale is None else model.scale, make_norm(model.embedding_norm)
        steps = torch.arange(s.context)[None]
        zeros = torch.zeros(1, s.context, s.width)
        self.places = None if s.position in ("rotary", "none") else model.place(zeros, steps)[0].float()  # [T, D]
        if model.segments is not None:
            first = model.segments.weight[0].float()
            self.places = first.expand(s.context, -1) if self.places is None else self.places + first
        turns = model.rotary_table(steps, zeros) if s.position == "rotary" else None
        self.pack(model, storage, None if turns is None else (turns[0][0, 0].float(), turns[1][0, 0].float()))

    def pack(self, model: Transformer, storage: str, turns: tuple[Tensor, Tensor] | None) -> None:
        """Keep the matrices as steps want them. turns: cos and sin [T, d/2] of rotary positions."""
        self.layers = [make_layer(block, model.settings, storage) for block in model.blocks]
        self.final_norm = make_norm(model.final_norm)
        self.head = make_product(head_of(model), None, storage)
        self.turns = None if turns is None else doubled(*turns)

    @torch.inference_mode()
    def read(self, texts: Sequence[Sequence[int]], room: int = 0) -> Tensor:
        """As `Decoder.read`; what the model has cached becomes the paired cache."""
        logits = super().read(texts, room)
        self.cache = PairedCache.filled(self.cache.keys, self.cache.values, self.cache.length, self.cache.columns)
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
        x = self.look_up(tokens, place)
        turn = None if self.turns is None else (self.turns[0][place], self.turns[1][place])
        for layer, pair in zip(self.layers, self.cache.layers, strict=True):
            x = layer(x, pair, t, turn, self.padding)
        self.cache.length = t + 1
        return self.head(self.final_norm(x))

    def look_up(self, tokens: Tensor, place: slice | Tensor) -> Tensor:
        """The vectors of new tokens at their places, as the first layer is given them: [B] -> [B, D], float32."""
        x = F.embedding(tokens, self.model.embedding.weight).float()
        if self.scale != 1.0:
            x = x * self.scale
        return self.enter(x if self.places is None else x + self.places[place])


class WholeDecoder(FastDecoder):
    """The same with all layers in one call, for layers with a norm before each of two residual parts; longer prompts are read by a `PackedReader`."""

    reader: PackedReader | None = None
    """Packed when the first prompts come that are worth it, as it keeps a copy of the matrices."""

    def pack(self, model: Transformer, storage: str, turns: tuple[Tensor, Tensor] | None) -> None:
        """As `FastDecoder.pack`, for `decode.c`."""
        kept: list = []
        self.turns = None if turns is None else (turns[0].contiguous(), turns[1].contiguous())
        layers = [pack_layer(block, model.settings, storage, kept) for block in model.blocks]
        self.head, self.reads = make_product(head_of(model), None, storage), reading.fits(model)
        self.exact = storage == str(model.embedding.weight.dtype).removeprefix("torch.")
        self.stepper = Stepper(layers, norm_fields(model.final_norm, kept), self.head, self.turns, kept)

    @torch.autocast("cpu", enabled=False)
    @torch.inference_mode()
    def read(self, texts: Sequence[Sequence[int]], room: int = 0) -> Tensor:
        """As `Decoder.read`."""
        lengths = torch.tensor([len(text) for text in texts])
        longest, s = int(lengths.max()), self.model.settings
        if not self.reads or lengths.sum() < reading.WORTH_PACKING or longest > s.context:
            return super().read(texts, room)
        self.reader = self.reader or PackedReader(self.model, self.turns)
        late, columns = longest - lengths, min(s.context, longest + room)
        self.visible = torch.arange(columns) >= late[:, None] if late.any() else None
        self.cache = self.stepper.new_cache(len(texts), columns)
        starts = F.pad(lengths.cumsum(0), (1, 0))
        places = torch.arange(int(starts[-1])) - starts[:-1].repeat_interleave(lengths)
        x = self.look_up(torch.cat([torch.as_tensor(text) for text in texts]), places)
        y = self.reader.read(x, starts, self.cache)
        self.hide()
        return self.head(y) if self.exact else self.model.predict(y).float()

    def hide(self) -> None:
        """As `FastDecoder.hide`; and this cache is the one to use."""
        super().hide()
        self.stepper.use(self.cache)

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, [B] -> logits [B, V]."""
        t = self.cache.length
        places = torch.full((len(tokens),), t) if self.late is None else t - self.late
        x = self.look_up(tokens, slice(t, t + 1) if self.late is None else places)
        logits = self.stepper.step(x, places, self.padding, self.cache)
        self.cache.length = t + 1
        return logits


def whole(s: TransformerSettings) -> bool:
    """Whether `decode.c` knows such layers, and has been built."""
    known = s.placement == "pre" and s.residuals == "two" and s.normalize == "all" and s.attend == "x" and s.value_activation == "none"
    return known and s.width % 4 == s.ff_width % 4 == s.heads * s.head_width % 4 == 0 and library() is not None


def pack_layer(block: Block, s: TransformerSettings, storage: str, kept: list) -> LayerFields:
    """A layer's parts where `decode.c` finds them; what the fields point to is added to `kept`."""
    part, feed = block.attention, block.feed_forward
    weights, biases, head_norm = queries_and_keys(part)
    up = [feed.gate, feed.up] if hasattr(feed, "gate") else [feed.up]
    products = [
        make_product(*stack([*weights, part.value.weight], [*biases, part.value.bias]), storage),
        make_product(part.out.weight, part.out.bias, storage),
        make_product(*stack([linear.weight for linear in up], [linear.bias for linear in up]), storage),
        make_product(feed.down.weight, feed.down.bias, storage),
    ]
    kept += [products, head_norm]
    heads = NormFields() if head_norm is None else NormFields(head_norm.data_ptr(), None, part.query_norm.eps, 1)
    norms = norm_fields(block.attention_norm, kept), heads, norm_fields(block.feed_forward_norm, kept)
    sizes = part.heads, part.groups, part.value_heads, part.head_width, s.window, PHIS.index(s.phi)
    return LayerFields(*norms, *map(product_fields, products), None, *sizes)


def head_of(model: Transformer) -> Tensor:
    """The matrix that vectors are multiplied by at the end, [V, D]."""
    return model.embedding.weight if model.head is None else model.head.weight


Layer = Callable[[Tensor, Pair, int, tuple[Tensor, Tensor] | None, Tensor | None], Tensor]
"""x [B, D], the layer's keys and values, the column t, the turn of rotary positions, padding -> x [B, D]."""


def make_layer(block: Block, s: TransformerSettings, storage: str) -> Layer:
    """The steps of `Block.forward` for one token a row."""
    attention_norm, feed_forward_norm = make_norm(block.attention_norm), make_norm(block.feed_forward_norm)
    attend, feed = make_attention(block, s, attention_norm, storage), make_feed_forward(block.feed_forward, storage)
    enter, add = block.enter, block.add

    def one_residual(x: Tensor, *seen) -> Tensor:
        return add(feed_forward_norm, x, feed(enter(feed_forward_norm, attend(x, *seen))))

    def no_residual(x: Tensor, *seen) -> Tensor:
        return add(feed_forward_norm, x.new_zeros(()), feed(enter(feed_forward_norm, attend(x, *seen))))

    def two_residuals(x: Tensor, *seen) -> Tensor:
        x = add(attention_norm, x, attend(x, *seen))
        return add(feed_forward_norm, x, feed(enter(feed_forward_norm, x)))

    return {"none": no_residual, "one": one_residual, "two": two_residuals}[s.residuals]


def make_attention(block: Block, s: TransformerSettings, norm: Callable[[Tensor], Tensor], storage: str) -> Callable[..., Tensor]:
    """y of one token a row; Q, K and A are one matrix when they are made from the same vector. The scale of the scores is in Q."""
    part = block.attention
    heads, groups, width = part.heads, part.groups, part.head_width
    turned, total = heads + groups, heads + groups + part.value_heads
    matrices, biases, head_norm = queries_and_keys(part)
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
        if head_norm is not None:
            y[:, :turned].copy_(torch.rms_norm(y[:, :turned], [width], None, part.query_norm.eps).mul_(head_norm))
        if turn is not None:
            rotate(y[:, :turned], turn)
        query, new = y.transpose(0, 1).split((heads, total - heads))
        pair.both.select(2, t).copy_(new)
        return out(pair.attend(query, t + 1, padding, s.window))

    return attend


def queries_and_keys(part: Attention) -> tuple[list[Tensor], list[Tensor | None], Tensor | None]:
    """Matrices and biases of queries and keys with the scale of the scores in those of the queries, and the weights of each head's norm [M + G, d].

    With such norms the scale is in their weights instead, as a norm takes away what was multiplied before.
    """
    scale = torch.full((part.heads,), part.scale) if part.tau is None else part.tau.detach().float() * part.scale
    key, key_bias = part.key.weight.float(), None if part.key.bias is None else part.key.bias.float()
    query, query_bias = part.query.weight.float(), None if part.query.bias is None else part.query.bias.float()
    if part.query_norm is not None:
        queries, keys = part.query_norm.weight.float() * scale[:, None], part.key_norm.weight.float().expand(part.groups, -1)
        return [query, key], [query_bias, key_bias], torch.cat((queries, keys))
    scale = scale.repeat_interleave(part.head_width)
    return [query * scale[:, None], key], [None if query_bias is None else query_bias * scale, key_bias], None


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


def doubled(cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """cos, sin [T, d/2] -> (cos, cos) and (-sin, sin), [T, 1, d], so that q' = q (cos, cos) + (q_2, q_1) (-sin, sin)."""
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> None:
    """Turn each pair (x_i, x_{i + d/2}) in place. x: [B, heads, d]; turn: two of [B or 1, 1, d]."""
    swapped = x.roll(x.shape[-1] // 2, -1)
    x.mul_(turn[0]).addcmul_(swapped, turn[1])
