"""The vectors of texts: read by an encoder in batches of like length, then one vector a text (Reimers and Gurevych 2019)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.layers.fast import packed
from workings.layers.fast.packed import PackedNorm, PackedProduct
from workings.models.block import Block
from workings.models.encoder import Encoder
from workings.models.sentence_classifier import SentenceClassifier
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer

TOKENS = 4096
"""A batch holds at most so many tokens, padding included."""

POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": lambda y, starts: torch.segment_reduce(y, "mean", lengths=starts.diff()),
    "cls": lambda y, starts: y[starts[:-1]],
}
"""From the vectors of all tokens, [N, D], and where texts start in them, [B + 1], to one vector a text: their mean, or the first token's."""


class PaddedReader:
    """Reads texts with the model itself, side by side, the shorter ones padded."""

    def __init__(self, model: Encoder, dtype: torch.dtype):
        self.model, self.dtype = model, dtype

    @torch.inference_mode()
    def read(self, texts: Sequence[Tensor]) -> Tensor:
        """The vectors of all tokens, texts after one another, [N, D] in float32."""
        device = self.model.body.embedding.weight.device
        tokens = torch.nn.utils.rnn.pad_sequence(list(texts), batch_first=True).to(device)
        visible = torch.arange(tokens.shape[1], device=device) < torch.tensor([len(text) for text in texts], device=device)[:, None]
        with torch.autocast(device.type, self.dtype, enabled=self.dtype == torch.bfloat16):
            y = self.model.hidden(tokens, visible=None if visible.all() else visible)
        return y[visible].float().cpu()


class PackedReader:
    """The same without padding, for an encoder with BERT's switches in the memory of this machine."""

    @torch.inference_mode()
    def __init__(self, model: Encoder | SentenceClassifier, dtype: torch.dtype):
        body, self.dtype = model.body, dtype
        self.cls = model.cls.detach() if isinstance(model, SentenceClassifier) else None
        self.embedding = body.embedding.weight
        self.places = body.positions.weight[body.settings.position_offset :].float()
        if body.segments is not None:
            self.places = self.places + body.segments.weight[0].float()
        self.enter = PackedNorm(body.embedding_norm, dtype)
        self.layers = [PackedLayer(block, body.settings, dtype) for block in body.blocks]

    @torch.inference_mode()
    def read(self, texts: Sequence[Tensor]) -> Tensor:
        """The vectors of all tokens, texts after one another, [N, D] in float32."""
        return self.run(texts, False)

    @torch.inference_mode()
    def first(self, texts: Sequence[Tensor]) -> Tensor:
        """The vector of each text's first token, or of the `<cls>` that the model puts before it, [B, D] in float32; the last layer is asked for no other."""
        return self.run(texts, True)

    def run(self, texts: Sequence[Tensor], first: bool) -> Tensor:
        """From tokens [T_i] to vectors, all [N, D] or the first of each text [B, D]."""
        texts = list(texts) if self.cls is None else [F.pad(text, (1, 0)) for text in texts]
        lengths = torch.tensor([len(text) for text in texts])
        starts = F.pad(lengths.cumsum(0), (1, 0))
        steps = torch.arange(int(starts[-1])) - starts[:-1].repeat_interleave(lengths)
        x = F.embedding(torch.cat(texts), self.embedding).float()
        if self.cls is not None:
            x[starts[:-1]] = self.cls.float()
        x, copy = self.enter(x, self.places[steps])
        for layer in self.layers[:-1]:
            x, copy = layer(x, copy, starts)
        return self.layers[-1](x, copy, starts, starts[:-1] if first else None)[0]


class PackedLayer:
    """The steps of `Block.forward`: x <- N(x + attention(x)), x <- N(x + C phi(B x + b_B) + b_C)."""

    def __init__(self, block: Block, s: TransformerSettings, dtype: torch.dtype):
        a, f = block.attention, block.feed_forward
        self.heads, self.scale = a.heads, a.scale
        self.qkv = PackedProduct([a.query.weight, a.key.weight, a.value.weight], [a.query.bias, a.key.bias, a.value.bias], dtype)
        self.out = PackedProduct([a.out.weight], [a.out.bias], dtype)
        self.up, self.down = PackedProduct([f.up.weight], [f.up.bias], dtype, s.phi), PackedProduct([f.down.weight], [f.down.bias], dtype)
        self.norms = PackedNorm(block.attention_norm, dtype), PackedNorm(block.feed_forward_norm, dtype)

    def __call__(self, x: Tensor, copy: Tensor, starts: Tensor, asked: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x: [N, D] in float32, and the same in the precision of the products; starts: [texts + 1]; asked: the rows that are wanted, if not all."""
        y = packed.attend(self.qkv(copy), starts, self.heads, self.scale)
        if asked is not None:
            x, y = x[asked], y[asked]
        x, copy = self.norms[0](x, self.out(y))
        return self.norms[1](x, self.down(self.up(copy)))


BERT = dict(placement="post", residuals="two", position="learned", embedding_norm=True, embedding_scale="1", norm="layer", biases="all", window=0)
BERT |= dict(value="per-head", value_activation="none", attend="x", query_key_norm=False, causal=False)
"""The switches that packed layers know."""


def packs(body: Transformer) -> bool:
    """Whether packed layers know this transformer, and the machine has what they need."""
    s, weight = body.settings, body.embedding.weight
    same = all(getattr(s, name) == value for name, value in BERT.items()) and s.tau != "learned" and s.key_value_heads == s.heads and s.phi != "gated"
    return same and weight.device.type == "cpu" and packed.available()


def prepare(model: Encoder, dtype: torch.dtype) -> PaddedReader | PackedReader:
    """The fastest reader for this model; dtype: of the products, float32 or bfloat16."""
    return (PackedReader if packs(model.body) else PaddedReader)(model, dtype)


def batches(lengths: Sequence[int], tokens: int = TOKENS) -> list[list[int]]:
    """The numbers of the texts in batches: of like length, longest first, each with at most that many tokens when padded to its longest, or of one text."""
    found: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if not found or (len(found[-1]) + 1) * lengths[found[-1][0]] > tokens:
            found.append([])
        found[-1].append(number)
    return found


def embed(
    reader: PaddedReader | PackedReader, texts: Sequence[Tensor], pooling: str, normalize: bool, on_batch: Callable[[int], object] | None = None
) -> Tensor:
    """One vector for each text, [B, D], in their order. texts: tokens [T_i]; on_batch hears how many texts each batch had."""
    parts, order = [], []
    for some in batches([len(text) for text in texts]):
        chosen = [texts[number] for number in some]
        starts = F.pad(torch.tensor([len(text) for text in chosen]).cumsum(0), (1, 0))
        parts.append(POOLINGS[pooling](reader.read(chosen), starts))
        order += some
        if on_batch is not None:
            on_batch(len(some))
    found = torch.cat(parts)
    vectors = torch.empty_like(found)
    vectors[torch.tensor(order)] = found
    return F.normalize(vectors, dim=-1) if normalize else vectors


def windows(texts: Iterable[str], count: int) -> Iterator[list[str]]:
    """The texts, so many at a time."""
    rest = iter(texts)
    while some := list(islice(rest, count)):
        yield some
