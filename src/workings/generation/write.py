"""Write text after prompts: read them once, then draw one token a row at a time.

Beyond the context: a transformer holds `context` tokens. A longer prompt is read from its last `context` tokens on. When a text outgrows the
context, it is cut to its last context / 2 tokens, which are read again from position 0, and writing goes on: what is older is forgotten.
(Dropping the oldest column instead would not be exact, since what it told the later ones stays in them.) Recurrent models have no limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from workings.data.tokenizers import Tokenizer
from workings.errors import BadInput
from workings.generation.decoder import Decoder
from workings.generation.sampling import choose, uniforms
from workings.generation.settings import WriteSettings
from workings.generation.step import prepare
from workings.generation.stopping import StopAt


@dataclass(kw_only=True)
class TokenLogprob:
    """What the model thought of one written token, in nats, before temperature and filters."""

    token: int
    text: str
    logprob: float
    top: list[tuple[int, str, float]] = field(default_factory=list)
    """The likeliest tokens at this place: (token, text, log-probability)."""


@dataclass(kw_only=True)
class Written:
    """One text that was written."""

    prompt: str
    text: str
    """What follows the prompt, without the stop string."""
    tokens: list[int]
    """All tokens that were drawn, those of a stop string included, the end token not."""
    reason: str
    """Why it ended: "length", "stop" (a stop string) or "end" (the end token)."""
    logprobs: list[TokenLogprob] | None = None


class Row:
    """One text being written: its tokens, its whole characters so far, and whether it has ended."""

    def __init__(self, prompt: str, ids: list[int], tokenizer: Tokenizer, settings: WriteSettings, limit: int | None):
        self.ids, self.tokenizer, self.limit = ids, tokenizer, limit
        self.begin = 0 if limit is None else max(0, len(ids) - limit)
        self.written = Written(prompt=prompt, text="", tokens=[], reason="", logprobs=[] if settings.logprobs else None)
        self.stream, self.stop = tokenizer.stream(begun=bool(prompt)), StopAt(settings.stop)

    @property
    def window(self) -> list[int]:
        """The tokens that the model is to see."""
        return self.ids[self.begin :]

    def push(self, token: int, belief: TokenLogprob | None) -> str:
        """Add a token; returns the text that is now certain to stand."""
        if token in self.tokenizer.ends:
            return self.finish("end")
        self.ids.append(token)
        self.written.tokens.append(token)
        if belief is not None and self.written.logprobs is not None:
            self.written.logprobs.append(belief)
        if self.limit is not None and len(self.ids) - self.begin > self.limit:
            self.begin = len(self.ids) - max(1, self.limit // 2)
        piece = self.stop.push(self.stream.push(token))
        self.written.text += piece
        if self.stop.found:
            self.written.reason = "stop"
        return piece

    def finish(self, reason: str) -> str:
        """End the text; returns what was held back."""
        piece = self.stop.push(self.stream.flush())
        if not self.stop.found:
            piece += self.stop.flush()
        self.written.text += piece
        self.written.reason = "stop" if self.stop.found else reason
        return piece


def write(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompts: str | Sequence[str],
    settings: WriteSettings | None = None,
    on_text: Callable[[int, str], Any] | None = None,
    decoder: Decoder | None = None,
) -> list[Written]:
    """Write `settings.samples` texts after each prompt: those of the first prompt, then those of the second, and so on.

    on_text(number, piece) is called with whole characters as they come; number counts the texts in the order of the result.
    A text depends on the model, the prompt, the settings and the sample's number, not on what else is in the batch.
    decoder: what `prepare(model, settings.quantize)` gave, to pack the matrices once for several calls.
    """
    settings = settings or WriteSettings()
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not getattr(model.settings, "causal", True):
        raise BadInput("This model is not causal (model.causal is false): it sees what follows a token, so it cannot write.")
    if not prompts:
        return []
    begins = [first_tokens(tokenizer, prompt) for prompt in prompts]
    training = model.training
    model.eval()
    try:
        return _write(decoder or prepare(model, settings.quantize), tokenizer, prompts, begins, settings, on_text or (lambda number, piece: None))
    finally:
        model.train(training)


def first_tokens(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """The tokens of a prompt, after what the model expects before every text; instead of nothing at all the end token, or else a newline."""
    if prompt or tokenizer.begin:
        return [*tokenizer.begin, *tokenizer.encode(prompt).tolist()]
    if tokenizer.end is not None:
        return [tokenizer.end]
    try:
        return tokenizer.encode("\n").tolist()
    except BadInput:
        raise BadInput("The prompt is empty, and the tokenizer has neither an end token nor a newline to begin with; give a prompt.") from None


@torch.inference_mode()
def _write(
    decoder: Decoder, tokenizer: Tokenizer, prompts: list[str], begins: list[list[int]], settings: WriteSettings, on_text: Callable[[int, str], Any]
) -> list[Written]:
    n = settings.samples
    rows = [Row(prompt, list(ids), tokenizer, settings, decoder.limit) for prompt, ids in zip(prompts, begins, strict=True) for _ in range(n)]
    random = torch.stack([uniforms(settings.seed, sample, settings.tokens) for sample in range(n)]).repeat(len(prompts), 1)
    logits = decoder.read([row.window for row in rows[::n]], settings.tokens - 1)
    if n > 1:  # each prompt is read once, then its row is copied
        copies = torch.arange(len(prompts)).repeat_interleave(n)
        decoder.reorder(copies)
        logits = logits[copies]
    seen = occurred(rows, tokenizer.size) if settings.repetition_penalty != 1 else None
    live = list(range(len(rows)))  # the text that each row of the batch belongs to

    for place in range(settings.tokens):
        tokens = choose(logits, settings, random[:, place], seen)
        chosen = tokens.tolist()
        beliefs = explain(tokenizer, logits, chosen, settings.top_logprobs) if settings.logprobs else [None] * len(live)
        for number, token, belief in zip(live, chosen, beliefs, strict=True):
            if piece := rows[number].push(token, belief):
                on_text(number, piece)
        if seen is not None:
            seen.scatter_(1, tokens[:, None], True)
        going = [row for row, number in enumerate(live) if not rows[number].written.reason]
        left = settings.tokens - place - 1
        if not going or not left:
            break
        if len(going) < len(live):
            live = [live[row] for row in going]
            tokens, random, seen = tokens[going], random[going], None if seen is None else seen[going]
            decoder.reorder(torch.tensor(going))
        logits = decoder.step(tokens) if decoder.length != decoder.limit else decoder.read([rows[number].window for number in live], left - 1)

    for number in live:
        if not rows[number].written.reason and (piece := rows[number].finish("length")):
            on_text(number, piece)
    return [row.written for row in rows]


def occurred(rows: list[Row], size: int) -> Tensor:
    """Which tokens stand in each row's text, prompt included: [B, V] bool."""
    seen = torch.zeros(len(rows), size, dtype=torch.bool)
    for number, row in enumerate(rows):
        seen[number, row.ids] = True
    return seen


def explain(tokenizer: Tokenizer, logits: Tensor, chosen: list[int], top: int) -> list[TokenLogprob]:
    """The model's own log-probability of each row's chosen token, and of the likeliest ones. logits: [B, V]."""
    logprobs = logits.float().log_softmax(-1)
    best = logprobs.topk(min(top, logits.shape[-1]), dim=-1)
    return [
        TokenLogprob(
            token=token,
            text=tokenizer.bytes_of(token).decode(errors="replace"),
            logprob=row[token].item(),
            top=[(other, tokenizer.bytes_of(other).decode(errors="replace"), value) for other, value in zip(others, values, strict=True)],
        )
        for token, row, others, values in zip(chosen, logprobs, best.indices.tolist(), best.values.tolist(), strict=True)
    ]
