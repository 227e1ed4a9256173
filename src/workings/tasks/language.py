"""The language-model task: from a text to a model that writes like it (statements 2.1-2.3, 6.2c)."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.cache import encode_cached
from workings.data.order import windows
from workings.data.sources import read_documents
from workings.data.tokenizers import Tokenizer, train_tokenizer
from workings.errors import BadInput, counted
from workings.generation.settings import WriteSettings
from workings.generation.write import first_tokens, write
from workings.layers.randomness import mix
from workings.models.build import build
from workings.objectives.next_token import IGNORE, next_token_loss
from workings.tasks.language_settings import LanguageData, LanguageSettings
from workings.training.game import Batch, Game, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import save_folder


class Language(Game):
    """One player, `model`, that learns to predict each next token of a text."""

    units = "tokens"

    def __init__(self, settings: LanguageSettings):
        s = self.settings = settings
        documents = read_text(s.data)
        self.tokenizer = train_tokenizer(s.data.tokenizer, documents, s.data.tokens)
        tokens = encode_cached(self.tokenizer, documents)
        self.fingerprint = hashlib.blake2b(tokens.numpy(), digest_size=16).hexdigest()
        self.train, self.validation = split(tokens, s.data.validation)
        self.settings = s = replace(s, model=fit_vocabulary(s.model, self.tokenizer))
        if len(self.train) <= s.model.context:
            raise BadInput(
                f"The training part of {s.data.source} has {counted(len(self.train), 'token')}, not more than the {s.model.context:,} of the context; "
                "give more text, or set model.context lower."
            )
        if len(self.validation) < 2:
            raise BadInput(
                f"The validation part of {s.data.source} has {counted(len(self.validation), 'token')}, so there is none to predict; "
                "give more text, or set data.validation higher."
            )
        self.prompt = opening(self.tokenizer, s.prompt, self.train)
        torch.manual_seed(mix(s.training.seed, 0))
        model = build(s.model)
        self.players = {"model": model}
        self.units_per_step = s.training.batch * s.model.context
        self.steps_per_evaluation = len(self.validation) / self.units_per_step / 3
        self.flops_per_step = self.units_per_step * 3 * flops_per_token(s.model, model)

    def about(self) -> str:
        """What is learned from what, in a line."""
        s, model = self.settings, self.players["model"]
        parameters = sum(p.numel() for p in model.parameters())
        text = f"{len(self.train):,} tokens of {s.data.source} to learn from, {len(self.validation):,} to validate"
        return f"a {type(model).__name__.lower()} of {parameters:,} parameters, {text}, {self.tokenizer.size:,} kinds of token ({s.data.tokenizer})"

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Windows of the text: tokens and the tokens that follow them, [count, T]."""
        s = self.settings
        inputs, targets = windows(self.train, s.model.context, s.training.seed, step * s.training.batch + first, count)
        return {"tokens": inputs, "targets": targets}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The sum of the next-token losses (2.3)."""
        total, count = next_token_loss(self.players["model"](batch["tokens"]), batch["targets"])
        return Loss(total, int(count))

    def evaluate(self) -> dict[str, float]:
        """The whole validation text, each token predicted once."""
        return evaluate_text(self.players["model"], self.tokenizer, self.validation, self.settings.model.context)

    def preview(self, step: int) -> dict[str, Any]:
        """A text written by the model as it is now."""
        (written,) = write(self.players["model"], self.tokenizer, [self.prompt], WriteSettings(tokens=200, min_p=0.05, seed=self.settings.training.seed))
        return {"text": self.prompt + written.text}

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder."""
        card = f"# A language model\n\nTrained on {self.settings.data.source}; `workings report` writes the full card.\n"
        save_folder(folder, "language", self.settings.model, weights["model"], self.tokenizer, card, scores=scores, prompt=self.settings.prompt)

    def leave(self) -> dict[str, str | bytes]:
        """The beginning of the held-out text, which the report reads with the model."""
        return {"held-out.txt": self.tokenizer.decode(self.validation[:600])}

    def identify(self, step: int) -> str:
        """The beginning of the first window of the batch."""
        s = self.settings
        inputs, _ = windows(self.train, s.model.context, s.training.seed, step * s.training.batch, 1)
        first, last = step * s.training.batch, (step + 1) * s.training.batch - 1
        return f"the batch of windows {first} to {last} (seed {s.training.seed}), which begins {self.tokenizer.decode(inputs[0, :40])!r}"


def read_text(data: LanguageData) -> list[str]:
    """The documents of the settings."""
    return read_documents(data.source, data.column or None, data.encoding)


def opening(tokenizer: Tokenizer, prompt: str, tokens: Tensor) -> str:
    """What samples begin with: the prompt; if that is nothing, and neither an end token nor a newline can stand before a text, its first character."""
    try:
        first_tokens(tokenizer, prompt)
        return prompt
    except BadInput:
        if prompt:
            raise
        return tokenizer.decode(tokens[:1])


def split(tokens: Tensor, validation: float) -> tuple[Tensor, Tensor]:
    """The training part and the last `validation` of a text."""
    border = len(tokens) - int(len(tokens) * validation)
    return tokens[:border], tokens[border:]


def fit_vocabulary(model: Any, tokenizer: Tokenizer) -> Any:
    """The model's settings with the vocabulary of the tokenizer."""
    if model.vocabulary and model.vocabulary < tokenizer.size:
        raise BadInput(f"model.vocabulary is {model.vocabulary}, but the tokenizer has {counted(tokenizer.size, 'token')}; leave it at 0.")
    return model if model.vocabulary else replace(model, vocabulary=tokenizer.size)


def flops_per_token(s: Any, model: torch.nn.Module) -> float:
    """Of a forward pass: two for each weight that multiplies, and two products of attention over half the context on average."""
    weights = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embedding" not in name and "positions" not in name)
    weights += s.vocabulary * s.width if s.tied else 0
    attention = 2 * 2 * s.layers * s.heads * s.head_width * s.context / 2 if hasattr(s, "heads") else 0
    return 2 * weights + attention


@torch.no_grad()
def evaluate_text(model: torch.nn.Module, tokenizer: Tokenizer, tokens: Tensor, context: int, stride: int = 0, rows: int = 0) -> dict[str, float]:
    """Scores over a whole text: every token but the first is predicted once.

    tokens: [N]. Windows of `context` tokens begin every `stride` tokens (0: every `context`); in each, only the tokens that no window before
    has predicted are counted, so each is predicted from between context - stride and context tokens before it (the first window: from 1 on).
    rows: how many windows are read at once (0: some 16,000 tokens, fewer with a large vocabulary, whose logits fill the memory).
    Returns loss (nats a token), perplexity, nats_per_character, bits_per_byte, tokens, context, stride.
    """
    stride = stride or context
    if not 0 < stride <= context:
        raise BadInput(f"The stride is {stride}; it must be between 1 and the context, {context}.")
    if len(tokens) < 2:
        raise BadInput("The text has fewer than two tokens, so there is none to predict.")
    device = next(model.parameters()).device
    tokens = tokens.to(torch.int64)
    starts = torch.arange(0, max(1, len(tokens) - 1 - (context - stride)), stride)
    rows = rows or max(1, min(16_384, 2**26 // tokenizer.size) // context)
    padded = torch.cat((tokens, tokens.new_full((context + 1,), IGNORE)))
    total, count = 0.0, 0
    for some in starts.split(rows):
        window = padded[some[:, None] + torch.arange(context + 1)]
        inputs, targets = window[:, :-1].clamp(min=0), window[:, 1:].clone()
        targets[(some > 0)[:, None] & (torch.arange(context) < context - stride)] = IGNORE
        loss, counted = next_token_loss(model(inputs.to(device)), targets.to(device))
        total, count = total + float(loss), count + int(counted)
    text = tokenizer.decode(tokens[1:])
    nats = total / count
    return {
        "loss": nats,
        "perplexity": math.exp(min(nats, 700)),
        "nats_per_character": total / max(1, len(text)),
        "bits_per_byte": total / math.log(2) / max(1, len(text.encode())),
        "tokens": count,
        "context": context,
        "stride": stride,
    }
