"""A model as a function of named tensors and nothing else, which is what files of other systems hold; traced once, for every batch and length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workings.errors import BadInput
from workings.models.architectures import name_of
from workings.models.encoder import Encoder
from workings.models.encoder_decoder import EncoderDecoder
from workings.models.picture_presets import PICTURE_MODELS
from workings.models.resnet import ResNet
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer
from workings.models.vision_transformer import VisionTransformer

Dims = tuple[int | str, ...]
"""The shape of a tensor: a number, or the name of a size that may differ from call to call."""

BATCH, NEW, PAST, TOTAL, SOURCE = "batch_size", "sequence_length", "past_sequence_length", "total_sequence_length", "encoder_sequence_length"
"""Rows; tokens that are given; tokens before them, in the cache; both together; tokens of the text that an encoder has read."""

HEIGHT, WIDTH = "height", "width"
"""Pixels of a picture."""


@dataclass(frozen=True)
class Graph:
    """One file: a module that takes tensors in this order and answers with a tuple of them."""

    part: str
    """What its file's name begins with: "encoder_", "decoder_", or "" where there is only one."""
    module: nn.Module
    inputs: dict[str, tuple[torch.dtype, Dims]]
    outputs: dict[str, Dims]
    vocabulary: int = 0
    """The tokens that may be given; 0 where there are none."""
    longest: int = 1 << 20
    """The columns that there may be: those of a learned table of positions, or any."""

    def example(self, sizes: dict[str, int], padding: int = 1) -> tuple[Tensor, ...]:
        """Random inputs of these sizes, one for each name; each row lacks `padding` tokens more than the one above, on the left, but never all."""
        sizes = sizes | {TOTAL: sizes[PAST] + sizes[NEW]}
        generator = torch.Generator().manual_seed(0)
        shapes = {name: [sizes[dim] if isinstance(dim, str) else dim for dim in dims] for name, (_, dims) in self.inputs.items()}
        return tuple(self.fill(name, dtype, shapes[name], generator, padding) for name, (dtype, _) in self.inputs.items())

    def fill(self, name: str, dtype: torch.dtype, shape: list[Any], generator: torch.Generator, padding: int) -> Tensor:
        """One input: tokens, a mask of 0 and 1, zeros for segments, or normal numbers."""
        if name.endswith("mask"):
            missing = (torch.arange(shape[0]) * padding).clamp(max=shape[1] - 1)
            return (torch.arange(shape[1]) >= missing[:, None]).to(dtype)
        if dtype == torch.int64:
            return torch.randint(self.vocabulary if name == "input_ids" else 1, shape, generator=generator)
        return torch.randn(shape, generator=generator)


class GrowingCache:
    """The cache as a graph has it: what was before comes in, and goes out with the new columns behind it.

    past: keys and values of each layer in turn, [B, G, past, d]; memory: the same of what the encoder has read, [B, G, S, d].
    """

    def __init__(self, past: Sequence[Tensor], memory: Sequence[Tensor] = ()):
        self.past, self.read = pairs(past), pairs(memory)
        self.present: list[Tensor] = []
        self.length: Any = past[0].shape[2]

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values so far, new ones included."""
        before = self.past[layer]
        both = torch.cat((before[0], key), dim=2), torch.cat((before[1], value), dim=2)
        self.present.extend(both)
        return both

    def of_memory(self, layer: int, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Keys and values of what was read, which the encoder's graph has made."""
        return self.read[layer]

    def advance(self, columns: int) -> None:
        """Each layer has counted for itself."""


def pairs(tensors: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Two and two together."""
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def covers(mask: Tensor, tokens: Tensor, past: Tensor) -> None:
    """Tell the tracer, and whoever runs what it makes, that a mask has a column for each token, past and new."""
    torch._check(mask.shape[1] == tokens.shape[1] + past.shape[2], lambda: "the attention mask has not one column for each token, past and new")


def longest(settings: TransformerSettings) -> dict[str, int]:
    """How long a text may be, if that has an end."""
    return {"longest": settings.context} if settings.position == "learned" else {}


class Writing(nn.Module):
    """(tokens [B, T], mask [B, past + T], past) -> (logits [B, T, V], present)."""

    def __init__(self, model: Transformer):
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, mask: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """As the class says."""
        covers(mask, tokens, past[0])
        cache: Any = GrowingCache(past)
        return self.model(tokens, visible=mask.bool(), cache=cache), *cache.present


class Reading(nn.Module):
    """(tokens [B, T], mask [B, T], and segments [B, T] where there are any) -> what the head says, and the pooled vector [B, D] behind vectors."""

    def __init__(self, model: Encoder):
        super().__init__()
        self.model = model
        self.more = model.pooler is not None and model.settings.head == "none"

    def forward(self, tokens: Tensor, mask: Tensor, segments: Tensor | None = None) -> tuple[Tensor, ...]:
        """As the class says."""
        visible = mask.bool()
        y = self.model.hidden(tokens, visible=visible, segments=segments)
        said = self.model.say(y, visible)
        return (said, self.model.pooled(y, visible)) if self.more else (said,)


class Source(nn.Module):
    """(tokens [B, S], mask [B, S]) -> (memory [B, S, D], the keys and values that each layer of the decoder makes of it)."""

    def __init__(self, model: EncoderDecoder):
        super().__init__()
        crosses: list[Any] = [block.cross for block in model.decoder.blocks]
        self.encoder = model.encoder
        self.maps = nn.ModuleList(part for cross in crosses for part in (cross.key, cross.value))
        self.split: Callable[[Tensor], Tensor] = crosses[0].split

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """As the class says."""
        memory = self.encoder.hidden(tokens, visible=mask.bool())
        return memory, *(self.split(make(memory)) for make in self.maps)


class Target(nn.Module):
    """(tokens [B, T], mask [B, past + T], source's mask [B, S], past, what the encoder's graph has made) -> (logits [B, T, V], present)."""

    def __init__(self, model: EncoderDecoder):
        super().__init__()
        self.decoder, self.bias = model.decoder, model.logit_bias

    def forward(self, tokens: Tensor, mask: Tensor, source: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """As the class says."""
        covers(mask, tokens, past[0])
        cache: Any = GrowingCache(past[: len(past) // 2], past[len(past) // 2 :])
        memory = past[-1]  # its place only: the cache has what is made of it
        logits = self.decoder(tokens, memory=memory, memory_visible=source.bool(), visible=mask.bool(), cache=cache)
        return logits if self.bias is None else logits + self.bias, *cache.present


class Seeing(nn.Module):
    """(pictures [B, C, H, W],) -> logits [B, classes]; without classes, the vectors [B, T, D] or the last map, and the pooled vector where there is one."""

    def __init__(self, model: Any):
        super().__init__()
        self.model: Any = model

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """As the class says."""
        if self.model.settings.classes:
            return (self.model(pictures),)
        y = self.model.hidden(pictures)
        return (y, self.model.pooled(y)) if isinstance(self.model, ResNet) or self.model.pooler is not None else (y,)


def graphs(model: Any) -> list[Graph]:
    """The graphs that stand for a model, or the sentence that it has none."""
    name = name_of(model.settings)
    make = {"transformer": language, "encoder": encoder, "encoder-decoder": translation, "vision-transformer": vision, "resnet": residual}.get(name)
    if make is None and name in PICTURE_MODELS and name != "row-recurrent":  # PyTorch's recurrent layers are traced for one batch size
        make = classifier
    if make is None:
        raise BadInput(f"The model is a {name} one, which has no graph for every length; export a transformer, or use it with workings.")
    return make(model)


def cached(settings: TransformerSettings, prefix: str, kind: str, columns: str) -> dict[str, Dims]:
    """Names and shapes of the keys and values of each layer."""
    heads = {"key": settings.key_value_heads, "value": 1 if settings.value == "shared" else settings.key_value_heads}
    width = settings.head_width
    return {f"{prefix}.{layer}.{kind}{part}": (BATCH, count, columns, width) for layer in range(settings.layers) for part, count in heads.items()}


def shapes(**named: Dims) -> dict[str, Dims]:
    """Names and what they are the shapes of."""
    return named


def numbers(given: dict[str, Dims]) -> dict[str, tuple[torch.dtype, Dims]]:
    """Inputs that are float32."""
    return {name: (torch.float32, dims) for name, dims in given.items()}


def whole(**given: Dims) -> dict[str, tuple[torch.dtype, Dims]]:
    """Inputs that are whole numbers: tokens, segments, and masks of 0 and 1."""
    return {name: (torch.int64, dims) for name, dims in given.items()}


def language(model: Transformer) -> list[Graph]:
    """A language model: one graph that reads a prompt (its past is empty) and goes on."""
    s = model.settings
    if s.cross_attention:
        raise BadInput("The model attends to a second sequence (model.cross_attention=true) that nothing here makes; export a model that has its encoder too.")
    if not s.causal:
        raise BadInput("The model sees what follows (model.causal=false), so it has no cache to write with; there is no graph for it.")
    inputs = whole(input_ids=(BATCH, NEW), attention_mask=(BATCH, TOTAL)) | numbers(cached(s, "past_key_values", "", PAST))
    outputs = shapes(logits=(BATCH, NEW, s.vocabulary)) | cached(s, "present", "", TOTAL)
    return [Graph("", Writing(model), inputs, outputs, s.vocabulary, **longest(s))]


def encoder(model: Encoder) -> list[Graph]:
    """An encoder: one graph."""
    s, body = model.settings, model.settings.body
    inputs = whole(input_ids=(BATCH, NEW), attention_mask=(BATCH, NEW)) | (whole(token_type_ids=(BATCH, NEW)) if body.segments else {})
    vectors = shapes(last_hidden_state=(BATCH, NEW, body.width)) | (shapes(pooler_output=(BATCH, body.width)) if s.pooler else {})
    outputs = {"none": vectors, "masked": shapes(logits=(BATCH, NEW, body.vocabulary)), "classes": shapes(logits=(BATCH, s.classes))}[s.head]
    return [Graph("", Reading(model), inputs, outputs, body.vocabulary, **longest(body))]


def translation(model: EncoderDecoder) -> list[Graph]:
    """An encoder and a decoder: the first graph runs once a text, the second once a token; what stays the same between is made by the first."""
    e, d = model.settings.encoder, model.settings.decoder
    read = whole(input_ids=(BATCH, SOURCE), attention_mask=(BATCH, SOURCE))
    made = shapes(last_hidden_state=(BATCH, SOURCE, e.width)) | cached(d, "present", "encoder.", SOURCE)
    past = cached(d, "past_key_values", "decoder.", PAST) | cached(d, "past_key_values", "encoder.", SOURCE)
    inputs = whole(input_ids=(BATCH, NEW), decoder_attention_mask=(BATCH, TOTAL), encoder_attention_mask=(BATCH, SOURCE)) | numbers(past)
    outputs = shapes(logits=(BATCH, NEW, d.vocabulary)) | cached(d, "present", "decoder.", TOTAL)
    first = Graph("encoder_", Source(model), read, made, e.vocabulary, **longest(e))
    return [first, Graph("decoder_", Target(model), inputs, outputs, d.vocabulary, **longest(d))]


def vision(model: VisionTransformer) -> list[Graph]:
    """A vision transformer: pictures of the size that it was made for."""
    s = model.settings
    vectors = shapes(last_hidden_state=(BATCH, s.tokens, s.body.width)) | (shapes(pooler_output=(BATCH, s.pooler)) if s.pooler else {})
    outputs = shapes(logits=(BATCH, s.classes)) if s.classes else vectors
    return [Graph("", Seeing(model), numbers(shapes(pixel_values=(BATCH, s.channels, *s.image_size))), outputs)]


def classifier(model: Any) -> list[Graph]:
    """Another model of pictures, of the size that it was made for."""
    s = model.settings
    if not s.classes:
        raise BadInput("The model has no classes, so its graph would have no name for what it says; export one that classifies.")
    return [Graph("", Seeing(model), numbers(shapes(pixel_values=(BATCH, s.channels, *s.image_size))), shapes(logits=(BATCH, s.classes)))]


def residual(model: ResNet) -> list[Graph]:
    """A residual network: pictures of any size."""
    s = model.settings
    vectors = shapes(last_hidden_state=(BATCH, s.widths[-1], "map_height", "map_width"), pooler_output=(BATCH, s.widths[-1]))
    outputs = shapes(logits=(BATCH, s.classes)) if s.classes else vectors
    return [Graph("", Seeing(model), numbers(shapes(pixel_values=(BATCH, s.channels, HEIGHT, WIDTH))), outputs)]
