"""One step of the decoder of an encoder-decoder on a CPU: packed matrices, and keys and values that stay where they were written.

It equals `EncoderDecoder.decode` with a cache. `prepare_steps` chooses it where it applies, that is for Marian and its like, and `TranslationSteps` elsewhere.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.generation.embedding import PackedLayer
from workings.generation.translate import TranslationSteps
from workings.layers.fast.available import enabled, has_bfloat16
from workings.layers.fast.beams import Columns, GrowingColumns
from workings.layers.fast.compiler import library
from workings.layers.fast.decode import FewRowsOfBytes
from workings.layers.fast.packed import PackedNorm, PackedProduct, available
from workings.layers.feed_forward import PHI
from workings.models.block import Block
from workings.models.encoder_decoder import EncoderDecoder
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer

FITTING = dict(placement="post", residuals="two", biases="all", norm="layer", value="per-head", value_activation="none", attend="x", window=0)
SPLIT = 1 << 17
"""Matrices with more elements are shared out among threads: there are many rows."""


def prepare_steps(model: EncoderDecoder, quantize: str = "none") -> TranslationSteps:
    """The fastest steps for this model. quantize: how matrices are kept, "none" (as the model has them), "bfloat16" or "int8"."""
    weight = model.decoder.embedding.weight
    here = fits(model.settings.encoder) and fits(model.settings.decoder) and available() and library() is not None
    if not here or not enabled() or weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.bfloat16):
        return TranslationSteps(model)
    return FastTranslationSteps(model, str(weight.dtype).removeprefix("torch.") if quantize == "none" else quantize)


def fits(s: TransformerSettings) -> bool:
    """Whether packed layers know a side's switches."""
    known = all(getattr(s, name) == value for name, value in FITTING.items()) and s.position != "rotary" and s.phi != "gated" and s.tau != "learned"
    return known and s.key_value_heads == s.heads and not s.query_key_norm and not s.embedding_norm


class FastTranslationSteps(TranslationSteps):
    """Reads and steps with packed matrices; sources lie one after another, and the residual stream and the decoder's attention are float32."""

    @torch.inference_mode()
    def __init__(self, model: EncoderDecoder, storage: str):
        super().__init__(model)
        decoder = model.decoder
        self.reading = torch.bfloat16 if storage != "float32" and has_bfloat16() else torch.float32
        """Of the products with which the source is read."""
        self.kept = torch.float32 if storage == "float32" else torch.bfloat16
        """Of keys and values: reading them is a third of the work, and half the bytes take half of it."""
        self.dtype = torch.bfloat16 if storage == "bfloat16" else torch.float32
        self.embedding, self.scale = decoder.embedding.weight.detach(), decoder.scale or 1.0
        self.positions, self.source_positions = positions_of(decoder), positions_of(model.encoder)
        self.source_layers = [PackedLayer(block, model.settings.encoder, self.reading) for block in model.encoder.blocks]
        self.layers = [Layer(block, storage, self.dtype, model.settings.decoder.phi) for block in decoder.blocks]
        head = self.embedding if decoder.head is None else decoder.head.weight
        self.head = make_product([head], [torch.zeros(len(head)) if model.logit_bias is None else model.logit_bias], storage)

    @torch.inference_mode()
    def read(self, sources: Sequence[Sequence[int]], room: int) -> Tensor:
        """As `TranslationSteps.read`."""
        lengths = torch.tensor([len(source) for source in sources])
        starts = F.pad(lengths.cumsum(0), (1, 0))
        steps = torch.arange(int(starts[-1])) - starts[:-1].repeat_interleave(lengths)
        tokens, encoder = torch.tensor([token for source in sources for token in source]), self.model.encoder
        memory = F.embedding(tokens, encoder.embedding.weight).float() * (encoder.scale or 1.0) + self.source_positions[steps]  # N D, all sources
        entering = memory.to(self.reading)
        for layer in self.source_layers:
            memory, entering = layer(memory, entering, starts)
        counts = lengths.int()
        places = (torch.arange(int(lengths.max())) + starts[:-1, None]).int()
        self.memory = [Columns(layer.read(memory, self.kept), places, counts) for layer in self.layers]
        self.written = GrowingColumns(len(self.layers), len(sources), memory.shape[1], self.kept)
        return self.step(torch.full((len(sources),), self.model.settings.start))

    @torch.inference_mode()
    @torch.autocast("cpu", enabled=False)
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, [R] -> logits [R, V]."""
        x = F.embedding(tokens, self.embedding).float() * self.scale + self.positions[self.written.length]
        new, entering = self.written.advance(len(tokens)), x.to(self.dtype)
        for number, (layer, memory) in enumerate(zip(self.layers, self.memory, strict=True)):
            self.written.kept = self.written.layers[number]
            x, entering = layer.step(x, entering, self.written, new, memory)
        return self.head(entering).float()

    def reorder(self, rows: Tensor, sentences: Tensor | None) -> None:
        """Row i becomes a copy of the old row rows[i]: only lists change."""
        self.written.reorder(rows)
        places, counts = self.memory[0].places[rows], self.memory[0].counts[rows]
        for memory in self.memory:
            memory.places, memory.counts = places, counts


def positions_of(side: Transformer) -> Tensor:
    """What a side adds to the vector at each place, [context, D], float32."""
    context = side.settings.context
    return side.place(torch.zeros(1, context, side.settings.width), torch.arange(context)[None])[0].float()


class Layer:
    """`Block.two_residuals` for one token a row, with the norms after the sums."""

    def __init__(self, block: Block, storage: str, dtype: torch.dtype, phi: str):
        own, cross, f = block.attention, block.cross, block.feed_forward
        self.heads, self.width = own.heads, own.heads * own.head_width
        self.qkv = make_product(
            [own.query.weight * own.scale, own.key.weight, own.value.weight], [own.query.bias * own.scale, own.key.bias, own.value.bias], storage
        )
        self.query = make_product([cross.query.weight * cross.scale], [cross.query.bias * cross.scale], storage)
        self.memory = make_product([cross.key.weight, cross.value.weight], [cross.key.bias, cross.value.bias], storage)
        self.out, self.cross_out = (make_product([part.out.weight], [part.out.bias], storage) for part in (own, cross))
        self.up, self.down = make_product([f.up.weight], [f.up.bias], storage, phi), make_product([f.down.weight], [f.down.bias], storage)
        self.norms = [PackedNorm(norm, dtype) for norm in (block.attention_norm, block.cross_norm, block.feed_forward_norm)]

    def read(self, memory: Tensor, kept: torch.dtype) -> Tensor:
        """What this layer makes of the source, [N, D] -> keys and values [N, 2 D], in the precision in which they are kept."""
        return self.memory(memory).to(kept).contiguous()

    def step(self, x: Tensor, entering: Tensor, written: GrowingColumns, new: slice, memory: Columns) -> tuple[Tensor, Tensor]:
        """x: [R, D] float32; entering: the same as products take it. Keys and values are written to `new`. Both are returned for the next layer."""
        qkv = self.qkv(entering).float()
        written.kept[new] = qkv[:, self.width :]
        x, entering = self.norms[0](x, self.out(written.attend(qkv, self.heads)))
        x, entering = self.norms[1](x, self.cross_out(memory.attend(self.query(entering).float(), self.heads)))
        return self.norms[2](x, self.down(self.up(entering)))


def make_product(weights: list[Tensor], biases: list[Tensor], storage: str, phi: str = "none") -> Callable[[Tensor], Tensor]:
    """y = phi(W x + b) for many rows, with matrices that lie above one another: by oneDNN in float32 or bfloat16, by our kernel in 8 bits."""
    if storage != "int8":
        return PackedProduct(weights, biases, torch.bfloat16 if storage == "bfloat16" else torch.float32, phi)
    product = FewRowsOfBytes(torch.cat([weight.detach().float() for weight in weights]), torch.cat([bias.detach().float() for bias in biases]), SPLIT)
    return product if phi == "none" else lambda x: PHI[phi](product(x))
