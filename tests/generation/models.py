"""Small models with random parameters, and a model whose next token is known."""

from types import SimpleNamespace

import torch
from torch import Tensor, nn

from workings.models.build import build
from workings.models.settings import TransformerSettings, model_settings

PRESETS = ("lecture", "lecture-plus", "gpt", "llama", "rnn", "gru", "lstm")


def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random parameters everywhere, norms and biases too, so that nothing is hidden by a zero or a one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.3)
    return model.eval()


def preset_model(name: str, vocabulary: int = 257, context: int = 17, dtype: torch.dtype = torch.float64) -> nn.Module:
    """A tiny model of a preset."""
    sizes = {} if name in ("rnn", "gru", "lstm") else dict(heads=3, head_width=4)
    return randomize(build(model_settings(name, vocabulary=vocabulary, context=context, width=12, layers=2, **sizes)).to(dtype))


def switch_model(choices: dict, seed: int = 0) -> nn.Module:
    """A transformer of tiny prime sizes with these switches."""
    rotary = choices.get("position", "rotary") == "rotary"
    sizes = dict(vocabulary=13, context=17, width=7, layers=2, heads=3, head_width=4 if rotary else 3, ff_width=11)
    return randomize(build(TransformerSettings(**(sizes | choices))).double(), seed)


class Scripted(nn.Module):
    """A model of ten lines: after token t it expects script[t] with the logits given for it, whatever came before."""

    def __init__(self, logits: Tensor, context: int = 1000):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(logits)
        self.settings = TransformerSettings(vocabulary=len(logits), context=context, width=4, heads=1)

    def hidden(self, tokens: Tensor, *, visible: Tensor | None = None, cache: SimpleNamespace) -> Tensor:
        cache.length += tokens.shape[1]
        return self.embedding(tokens)

    def predict(self, y: Tensor) -> Tensor:
        return y

    def forward(self, tokens: Tensor, **given) -> Tensor:
        return self.hidden(tokens, **given)

    def new_cache(self, rows: int, columns: int) -> SimpleNamespace:
        return SimpleNamespace(length=0, reorder=lambda rows: None)


def says(tokens: list[int], size: int) -> Scripted:
    """A model that, begun with tokens[0], surely writes the rest of the list (each token once), then repeats the last one."""
    logits = torch.zeros(size, size)
    for now, then in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        logits[now, then] = 100.0
    return Scripted(logits)
