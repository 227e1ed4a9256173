"""One step of the decoder of an encoder-decoder on a CPU: packed matrices, and keys and values that stay where they were written.

It equals `EncoderDecoder.decode` with a cache. `prepare_steps` chooses it where it applies, that is for Marian and its like, and `TranslationSteps` elsewhere.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.generation.translate import TranslationSteps, padded
from workings.layers.fast.available import enabled, has_bfloat16
from workings.layers.fast.beams import Columns, GrowingColumns
from workings.layers.fast.compiler import library
from workings.layers.fast.decode import FewRowsOfBytes
from workings.layers.fast.packed import PackedNorm, PackedProduct, available
from workings.layers.feed_forward import PHI
from workings.models.block import Block
from workings.models.encoder_decoder import EncoderDecoder

FITTING = dict(placement="post", residuals="two", biases="all", norm="layer", value="per-head", value_activation="none", attend="x", window=0)
SPLIT = 1 << 17
"""Matrices with more elements are shared out among threads: there are many rows."""


def prepare_steps(model: EncoderDecoder, quantize: str = "none") -> TranslationSteps:
    """The fastest steps for this model. quantize: how matrices are kept, "none" (as the model has them), "bfloat16" or "int8"."""
    s, weight = model.settings.decoder, model.decoder.embedding.weight
    fits = all(getattr(s, name) == value for name, value in FITTING.items()) and s.position != "rotary" and s.phi != "gated" and s.tau != "learned"
    fits = fits and s.key_value_heads == s.heads and not s.query_key_norm and not s.embedding_norm and available() and library() is not None
    if not fits or not enabled() or weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.bfloat16):
        return TranslationSteps(model)
    return FastTranslationSteps(model, str(weight.dtype).removeprefix("torch.") if quantize == "none" else quantize)


class FastTranslationSteps(TranslationSteps):
    """Reads with the model itself, steps with packed matrices; the residual stream, the cache and attention are float32."""

    @torch.inference_mode()
    def __init__(self, model: EncoderDecoder, storage: str):
        super().__init__(model)
        decoder = model.decoder
        self.rounded = storage != "float32" and has_bfloat16()
        """Whether the source, too, is read in 16 bits."""
        self.dtype = torch.bfloat16 if storage == "bfloat16" else torch.float32
        self.embedding, self.scale = decoder.embedding.weight.detach(), decoder.scale or 1.0
        self.positions = decoder.place(
            torch.zeros(1, model.settings.decoder.context, self.embedding.shape[1]), torch.arange(model.settings.decoder.context)[None]
        )[0]
        self.layers = [Layer(block, storage, self.dtype, model.settings.decoder.phi) for block in decoder.blocks]
        head = self.embedding if decoder.head is None else decoder.head.weight
        self.head = make_product([head], [torch.zeros(len(head)) if model.logit_bias is None else model.logit_bias], storage)

    @torch.inference_mode()
    def read(self, sources: Sequence[Sequence[int]], room: int) -> Tensor:
        """As `TranslationSteps.read`."""
        tokens, visible = padded(sources, self.model.settings.padding)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.rounded):
            memory = self.model.encode(tokens, None if visible.all() else visible)[visible].float()  # [N, D], the tokens of all sources
        counts = visible.sum(-1, dtype=torch.int32)
        places = (torch.arange(visible.shape[1], dtype=torch.int32) + (counts.cumsum(0, dtype=torch.int32) - counts)[:, None]).contiguous()
        self.memory = [Columns(layer.read(memory), places, counts) for layer in self.layers]
        self.written = GrowingColumns(len(self.layers), len(sources), memory.shape[1])
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

    def read(self, memory: Tensor) -> Tensor:
        """What this layer makes of the source, [N, D] -> keys and values [N, 2 D], float32."""
        return self.memory(memory).float().contiguous()

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
