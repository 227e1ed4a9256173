"""Small random models for the tests of exported graphs, and what every form of one is held to. A graph here is a function of tensors in their order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.weights.oracles import close, greedy
from workings.data.tokenizers import train_tokenizer
from workings.models.build import build
from workings.models.encoder_settings import EncoderDecoderSettings, EncoderSettings
from workings.models.picture_presets import fitted
from workings.models.resnet_settings import ResNetSettings
from workings.models.settings import TransformerSettings, model_settings
from workings.models.vision_settings import VisionSettings, body
from workings.weights.folder import save_folder

TEXT = "Once upon a time there was a model, and it said what it had read, once and again. " * 3
SIZES: dict[str, Any] = dict(vocabulary=37, width=24, heads=4, layers=2, context=24)
LLAMA: dict[str, Any] = dict(key_value_heads=2, window=5, query_key_norm=True, rope_scaling="llama3", rope_factor=4.0, rope_original_context=16)
BERT = TransformerSettings(**SIZES, causal=False, position="learned", position_offset=2, embedding_norm=True, segments=2, placement="post", biases="all")
MARIAN: dict[str, Any] = dict(SIZES, position="sinusoidal-halves", embedding_scale="sqrt(D)", placement="post", biases="all", phi="silu")

Function = Callable[..., Sequence[Tensor]]


@dataclass
class Described:
    """A model and what its graph takes and gives."""

    task: str
    settings: Any
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


TEXTS, PICTURES, LOGITS = ["input_ids", "attention_mask", "token_type_ids"], ["pixel_values"], ["logits"]
VECTORS = ["last_hidden_state", "pooler_output"]
RESNET: dict[str, Any] = dict(stem_width=8, widths=(8, 12), depths=(1, 1))

OTHER_PICTURES = ["mlp-small", "cnn-small", "lenet-5", "whitened-small", "cct-2-3x2", "hybrid-cifar"]

GRAPHS = {
    "llama": Described("language", model_settings("llama", **(SIZES | LLAMA))),
    "gpt": Described("language", model_settings("gpt", **SIZES)),
    "lecture": Described("language", model_settings("lecture", **SIZES)),
    "recurrent": Described("language", model_settings("gru", vocabulary=37, width=8)),
    "second": Described("language", TransformerSettings(**SIZES, cross_attention=True)),
    "vectors": Described("embedding", EncoderSettings(body=BERT, pooler=True), TEXTS, VECTORS),
    "masked": Described("masked", EncoderSettings(body=BERT, head="masked"), TEXTS, LOGITS),
    "classes": Described("sentences", EncoderSettings(body=BERT, head="classes", classes=3, pooler=True), TEXTS, LOGITS),
    "translation": Described(
        "translation",
        EncoderDecoderSettings(
            encoder=TransformerSettings(**MARIAN, causal=False), decoder=TransformerSettings(**MARIAN, cross_attention=True), logit_bias=True, start=36
        ),
    ),
    "vision-transformer": Described(
        "pictures",
        VisionSettings(body=body(width=24, heads=4, layers=2), image_size=(24, 16), patch_size=(8, 8), classes=4, distillation="classifier"),
        PICTURES,
        LOGITS,
    ),
    "resnet": Described("pictures", ResNetSettings(**RESNET, classes=3), PICTURES, LOGITS),
    **{name: Described("pictures", fitted({"preset": name}, (1, 32, 32), ("a", "b", "c")), PICTURES, LOGITS) for name in OTHER_PICTURES},
    "maps": Described("pictures", ResNetSettings(**RESNET, shortcut="padding"), PICTURES, VECTORS),
}


@torch.no_grad()
def random(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model with random numbers everywhere, so that no bias is 0 and no gain is 1."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.copy_(noise * parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.7 + 0.3 * noise)
    return model.eval()


def saved_folder(name: str, folder: Path) -> Path:
    """A model folder without a tokenizer."""
    described = GRAPHS[name]
    save_folder(folder, described.task, described.settings, random(build(described.settings)).state_dict(), None, "# Mine\n")
    return folder


def language_folder(folder: Path) -> Path:
    """The folder of a language model with its tokenizer."""
    tokenizer = train_tokenizer("bpe", [TEXT], 280)
    settings = model_settings("gpt", **(SIZES | dict(vocabulary=tokenizer.size, key_value_heads=2)))
    save_folder(folder, "language", settings, random(build(settings)).state_dict(), tokenizer, "# Mine\n")
    return folder


def empty(model: nn.Module, rows: int) -> list[Tensor]:
    """A past without columns: keys and values of each layer."""
    attention = [block.attention for block in model.blocks]
    return [torch.zeros(rows, heads, 0, part.head_width) for part in attention for heads in (part.groups, part.value_heads)]


def ragged(rows: int, length: int, vocabulary: int, side: str = "left") -> tuple[Tensor, Tensor]:
    """Random tokens [B, T], and a mask of which every row but the first lacks some."""
    generator = torch.Generator().manual_seed(rows * length)
    mask = torch.arange(length) >= (torch.arange(rows) * 2).clamp(max=length - 1)[:, None]
    return torch.randint(vocabulary, (rows, length), generator=generator), (mask.flip(1) if side == "right" else mask).long()


@torch.no_grad()
def check_language(model: nn.Module, graph: Function) -> None:
    """Any batch and length in one pass, padding on either side; in pieces with the cache the same as in one pass; greedy tokens are ours."""
    for rows, length, side in ((1, 1, "left"), (1, 9, "left"), (4, 7, "left"), (3, 12, "right")):
        tokens, mask = ragged(rows, length, 37, side)
        wanted = model(tokens, visible=mask.bool())
        logits, *_ = graph(tokens, mask, *empty(model, rows))
        close(logits, wanted, mask.bool())
        past, done = empty(model, rows), 0
        for new in (1, 3, 1, 2, 1, 4)[:length]:
            part = slice(done, min(done + new, length))
            if part.start < part.stop:
                logits, *past = graph(tokens[:, part], mask[:, : part.stop], *past)
                close(logits, wanted[:, part], mask[:, part].bool())
                done = part.stop
    prompt = [5, 1, 30]
    tokens = new = torch.tensor([prompt])
    past = empty(model, 1)
    for _ in range(15):
        logits, *past = graph(new, torch.ones_like(tokens), *past)
        new = logits[:, -1:].argmax(-1)
        tokens = torch.cat([tokens, new], dim=1)
    assert tokens[0, 3:].tolist() == greedy(model, prompt, 15)


@torch.no_grad()
def check_other(model: nn.Module, graph: Function) -> None:
    """Encoders at any batch and length with padding, models of pictures at any batch (and size)."""
    if hasattr(model, "say"):
        for rows, length in ((1, 1), (1, 6), (4, 11)):
            tokens, mask = ragged(rows, length, 37, "right")
            segments = (torch.arange(length) > length // 2).long().expand(rows, -1)
            said, *pooled = graph(tokens, mask, segments)
            y = model.hidden(tokens, visible=mask.bool(), segments=segments)
            close(said, model.say(y), mask.bool() if said.dim() == 3 else None)
            assert len(pooled) == (model.settings.head == "none")
            if pooled:
                close(pooled[0], model.pooled(y))
        return
    fixed = getattr(model.settings, "image_size", None)
    sizes = [fixed] * 3 if fixed else [(32, 32), (41, 30), (8, 8)]
    for rows, size in zip((1, 2, 5), sizes, strict=True):
        pictures = torch.randn(rows, model.settings.channels, *size, generator=torch.Generator().manual_seed(rows))
        wanted = [model(pictures)] if model.settings.classes else [model.hidden(pictures), model.pooled(model.hidden(pictures))]
        for got, expected in zip(graph(pictures), wanted, strict=True):
            close(got, expected)


@torch.no_grad()
def check_translation(model: nn.Module, encoder: Function, decoder: Function) -> None:
    """The decoder in one pass and in steps says what ours says of the whole, for sources of different lengths."""
    for rows, length in ((1, 1), (4, 9)):
        source, mask = ragged(rows, length, 37, "right")
        target = torch.randint(37, (rows, 6), generator=torch.Generator().manual_seed(1))
        wanted = model(source, target, source_visible=mask.bool())
        memory, *read = encoder(source, mask)
        close(memory, model.encode(source, mask.bool()), mask.bool())
        logits, *_ = decoder(target, torch.ones_like(target), mask, *empty(model.decoder, rows), *read)
        close(logits, wanted)
        past = empty(model.decoder, rows)
        for step in range(6):
            logits, *past = decoder(target[:, step : step + 1], torch.ones_like(target[:, : step + 1]), mask, *past, *read)
            close(logits[:, 0], wanted[:, step])
