"""Translate: read the source once, then write the target token by token with a cache, the likeliest, drawn, or by beam search."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from workings.data.framing import padded
from workings.data.tokenizers import Tokenizer
from workings.generation.alignment import Alignment
from workings.generation.beam import Forbidden, Hypothesis, Steps, beam_search, likeliest
from workings.generation.parts import cut
from workings.generation.sampling import choose, uniforms
from workings.generation.settings import WriteSettings
from workings.generation.translate_settings import TranslateSettings
from workings.models.encoder_decoder import EncoderDecoder

ROWS, TOKENS = 256, 4096
"""A batch holds at most so many hypotheses, and so many tokens of sources, padding included."""
WINDOW = 4
"""So many batches are read before the first of them is translated: sentences of like length meet."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """One translation of a text."""

    text: str
    score: float
    """log P / n^length_penalty."""
    logprob: float
    """log P of all tokens, the end token included, in nats."""
    tokens: list[int]
    """Without the end token."""
    ended: bool
    """Whether it came to its end, or was cut after as many tokens as were allowed."""


@dataclass(frozen=True, kw_only=True)
class Translated:
    """A text and its translations, best first."""

    source: str
    translations: list[Translation]
    parts: int = 1
    """In how many parts it was translated: in more than one if it is longer than the model reads."""
    alignment: Alignment | None = None
    """Of the best one, if it was asked for and the text was read in one part."""

    @property
    def text(self) -> str:
        """The best one."""
        return self.translations[0].text


class TranslationSteps:
    """An encoder-decoder as beam search wants it: rows that are given tokens and say what comes next.

    The keys and values that the decoder makes from the source are computed once and kept for each sentence; the rows of a sentence share them.
    """

    def __init__(self, model: EncoderDecoder):
        self.model = model
        self.device = model.encoder.embedding.weight.device

    @torch.inference_mode()
    def read(self, sources: Sequence[Sequence[int]], room: int) -> Tensor:
        """Forget everything, read these sources, and return the logits of the first token, [S, V]. room: how many steps the cache has to hold."""
        tokens, visible = padded(sources, padding=self.model.settings.padding)
        self.memory_visible = None if visible.all() else visible.to(self.device)
        self.memory = self.model.encode(tokens.to(self.device), self.memory_visible)
        self.cache = self.model.decoder.new_cache(len(sources), room)
        return self.step(torch.full((len(sources),), self.model.settings.start))

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, [R] -> logits [R, V], float32, on the CPU."""
        tokens = tokens[:, None].to(self.device)
        return self.model.decode(tokens, self.memory, memory_visible=self.memory_visible, cache=self.cache)[:, -1].float().cpu()

    @torch.inference_mode()
    def reorder(self, rows: Tensor, sentences: Tensor | None) -> None:
        """Row i becomes a copy of the old row rows[i]; sentences: which of the old ones are left."""
        self.cache.reorder(rows.to(self.device))
        if sentences is not None:
            sentences = sentences.to(self.device)
            self.cache.keep(sentences)
            self.memory = self.memory[sentences]
            self.memory_visible = None if self.memory_visible is None else self.memory_visible[sentences]


@torch.inference_mode()
def follow(steps: Steps, logits: Tensor, settings: TranslateSettings, end: int) -> list[list[Hypothesis]]:
    """One hypothesis for every sentence: the likeliest token at each place, or one that is drawn. logits: [S, V], of the first token."""
    forbidden, draws = Forbidden(settings.bad_words, end), WriteSettings(temperature=settings.temperature, top_k=settings.top_k, top_p=settings.top_p)
    random = uniforms(settings.seed, 0, settings.tokens)  # the same for every sentence: none depends on the others
    found: list[list[Hypothesis]] = [[] for _ in logits]
    live = list(range(len(found)))  # the sentence that each row belongs to
    sums, history = torch.zeros(len(live)), torch.empty(len(live), 0, dtype=torch.long)
    for length in range(1, settings.tokens + 1):
        last = length == settings.tokens
        if last and settings.forced_end:
            tokens = torch.full((len(live),), end)
        else:
            lost = forbidden.forbid(logits, history)
            values, tokens = likeliest(logits, 1, None if settings.renormalize else lost)
            if settings.temperature:
                total = logits.gather(1, tokens) - values  # the log of the sum of e^l
                tokens = choose(logits, draws, random[length - 1].expand(len(live)))[:, None]
                values = logits.gather(1, tokens) - total
            sums, tokens = sums + values[:, 0], tokens[:, 0]
        ended = (tokens == end) | last
        for row in ended.nonzero()[:, 0].tolist():
            found[live[row]] = [Hypothesis.of([*history[row].tolist(), int(tokens[row])], float(sums[row]), end, settings.length_penalty)]
        going = (~ended).nonzero()[:, 0]
        if not len(going):
            break
        history = torch.cat((history, tokens[:, None]), dim=1)
        if len(going) < len(live):
            live, sums, tokens, history = [live[row] for row in going.tolist()], sums[going], tokens[going], history[going]
            steps.reorder(going, going)
        logits = steps.step(tokens)
    return found


def search(steps: TranslationSteps, sources: Sequence[Sequence[int]], settings: TranslateSettings) -> list[list[Hypothesis]]:
    """The `nbest` best hypotheses for every source, which is a list of tokens."""
    model = steps.model.settings
    settings = replace(settings, tokens=min(settings.tokens, model.decoder.context))
    logits = steps.read(sources, settings.tokens)
    return (follow if settings.beam == 1 else beam_search)(steps, logits, settings, model.end)


def translate(steps: TranslationSteps, tokenizer: Tokenizer, texts: Iterable[str], settings: TranslateSettings) -> Iterator[Translated]:
    """Translate texts one by one as they come, in their order; sentences of like length are worked on together. A blank text is its own translation.

    A text that is longer than the model reads is translated in parts of at most half that length, and has one translation.
    """
    model, places = steps.model.settings, iter(texts)

    def encoded(some: Sequence[str]) -> list[list[int]]:
        return [[*tokens.tolist(), model.end] for tokens in tokenizer.encode_each(some)]

    def parts_of(text: str, length: int) -> list[str]:
        if not text.strip():
            return []
        return [text] if length <= model.encoder.context else cut(text, lambda part: len(encoded([part])[0]) <= model.encoder.context // 2)

    while window := list(islice(places, WINDOW * max(1, ROWS // settings.beam))):
        whole = encoded(window)
        parts = [parts_of(text, len(tokens)) for text, tokens in zip(window, whole, strict=True)]
        sources = [source for tokens, some in zip(whole, parts, strict=True) for source in ([tokens] if len(some) == 1 else encoded(some))]
        found: dict[int, list[Hypothesis]] = {}
        for batch in batches([len(source) for source in sources], max(1, ROWS // settings.beam)):
            found |= dict(zip(batch, search(steps, [sources[place] for place in batch], settings), strict=True))
        said = iter([[readable(hypothesis, tokenizer) for hypothesis in found[place]] for place in range(len(sources))])
        for text, some in zip(window, parts, strict=True):
            several = [next(said) for _ in some]
            translations = several[0] if len(several) == 1 else [joined([one[0] for one in several], settings.length_penalty)]
            yield Translated(source=text, translations=translations, parts=max(1, len(several)))


def joined(parts: Sequence[Translation], length_penalty: float) -> Translation:
    """The translation of a text from those of its parts."""
    tokens, logprob = [token for part in parts for token in part.tokens], sum(part.logprob for part in parts)
    score = logprob / max(1, len(tokens) + sum(part.ended for part in parts)) ** length_penalty
    return Translation(text=" ".join(part.text for part in parts), score=score, logprob=logprob, tokens=tokens, ended=all(part.ended for part in parts))


def readable(hypothesis: Hypothesis, tokenizer: Tokenizer) -> Translation:
    """A hypothesis with its text."""
    h = hypothesis
    return Translation(text=tokenizer.decode(h.tokens), score=h.score, logprob=h.logprob, tokens=h.tokens, ended=h.ended)


def batches(lengths: Sequence[int], rows: int) -> Iterator[list[int]]:
    """Places of texts, those of like length together, longest first; texts of length 0 are left out."""
    batch: list[int] = []
    for place in sorted((place for place, length in enumerate(lengths) if length), key=lambda place: -lengths[place]):
        if batch and (len(batch) == rows or (len(batch) + 1) * lengths[batch[0]] > TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
