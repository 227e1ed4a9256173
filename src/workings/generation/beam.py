"""Beam search: of every sentence the k likeliest beginnings are kept, and each grows by one token at a time.

A hypothesis y_1 ... y_n, whose end token is y_n, scores log P(y_1 ... y_n | source) / n^penalty. In each step the 2k likeliest continuations of a sentence's k
open hypotheses are looked at: those of the first k that end are finished, and the first k that do not end stay open. (At most k of 2k can end.)
"""

import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from workings.generation.translate_settings import TranslateSettings
from workings.layers.fast import beams as fast


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """One possible continuation."""

    tokens: list[int]
    """Without the end token."""
    logprob: float
    """log P of all its tokens, the end token included, in nats."""
    score: float
    """log P / n^penalty, by which hypotheses are compared."""
    ended: bool
    """Whether it came to its end token, or was cut at the limit."""

    @classmethod
    def of(cls, tokens: list[int], logprob: float, end: int, penalty: float) -> "Hypothesis":
        """A hypothesis that is finished, from all its tokens."""
        ended = tokens[-1] == end
        return cls(tokens=tokens[:-1] if ended else tokens, logprob=logprob, score=logprob / len(tokens) ** penalty, ended=ended)


class Steps(Protocol):
    """What is searched: rows that each say what comes next. The rows of a sentence lie together, equally many for each."""

    def step(self, tokens: Tensor) -> Tensor:
        """Give every row its next token, [R] -> logits [R, V]; they may be overwritten."""
        ...

    def reorder(self, rows: Tensor, sentences: Tensor | None) -> None:
        """Row i becomes a copy of the old row rows[i]. sentences: which old sentences are left, or None for all."""
        ...


class Forbidden:
    """Token sequences that may not be written."""

    def __init__(self, words: Sequence[Sequence[int]], end: int):
        self.singles = torch.tensor([word[0] for word in words if len(word) == 1 and word[0] != end], dtype=torch.long)
        self.longer = [(torch.tensor(word[:-1]), word[-1]) for word in words if len(word) > 1]

    def forbid(self, logits: Tensor, history: Tensor) -> Tensor | None:
        """Set the logits of what would complete a sequence to -inf, in place; returns the log of the sum of e^l over them, [R], or None for nothing.

        logits: [R, V]; history: [R, n], the tokens so far.
        """
        lost = None
        if len(self.singles):
            lost = logits[:, self.singles].logsumexp(-1)
            logits[:, self.singles] = -torch.inf
        for begin, last in self.longer:
            if history.shape[1] >= len(begin):
                rows = (history[:, -len(begin) :] == begin).all(-1)
                more = logits[:, last].where(rows, -torch.inf)
                lost = more if lost is None else torch.logaddexp(lost, more)
                logits[:, last] = logits[:, last].masked_fill(rows, -torch.inf)
        return lost


def likeliest(logits: Tensor, count: int, lost: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The log-probabilities and the tokens of the likeliest `count` of each row, [R, count] each. lost: the log of mass that was taken away, [R]."""
    values, tokens, total = fast.likeliest(logits, count)
    return values - (total if lost is None else torch.logaddexp(total, lost))[:, None], tokens


class Sentence:
    """The finished hypotheses of one sentence, best first, and whether an open one can still be among them."""

    def __init__(self, settings: TranslateSettings):
        self.finished: list[Hypothesis] = []
        self.penalty, self.tokens, self.stopping = settings.length_penalty, settings.tokens, settings.stopping
        self.wanted = settings.nbest if settings.stopping == "exact" else settings.beam

    def finish(self, tokens: list[int], logprob: float, end: int) -> None:
        """Add one, if it is good enough."""
        insort(self.finished, Hypothesis.of(tokens, logprob, end, self.penalty), key=lambda h: -h.score)
        del self.finished[self.wanted :]

    def is_done(self, best_open: float, length: int) -> bool:
        """Whether the search can end when the likeliest open hypothesis has this log P at this length.

        log P only falls as a hypothesis grows, so the score of whatever comes of it is at most log P / n^penalty at the length n that is best for it: the limit
        when the penalty is above 0, else the next one.
        """
        if best_open == -math.inf:
            return True
        if len(self.finished) < self.wanted:
            return False
        if self.stopping == "full":
            return True
        longest = self.tokens if self.penalty > 0 else length + 1
        bound = best_open / (longest if self.stopping == "exact" else length) ** self.penalty
        return bound <= self.finished[-1].score


@torch.inference_mode()
def beam_search(steps: Steps, logits: Tensor, settings: TranslateSettings, end: int) -> list[list[Hypothesis]]:
    """The `nbest` best hypotheses of every sentence, best first. logits: [S, V], of the first token."""
    k, forbidden = settings.beam, Forbidden(settings.bad_words, end)
    sentences = [Sentence(settings) for _ in logits]
    live = list(range(len(sentences)))  # the sentence that each group of rows belongs to
    sums = torch.zeros(len(live), 1)  # log P of the open hypotheses, [S, rows of a sentence]
    history = torch.empty(len(live), 0, dtype=torch.long)  # their tokens, [R, n]

    for length in range(1, settings.tokens + 1):
        last, width = length == settings.tokens, sums.shape[1]
        if last and settings.forced_end:
            values, tokens = torch.zeros(len(history), 1), torch.full((len(history), 1), end)
        else:
            lost = forbidden.forbid(logits, history)
            values, tokens = likeliest(logits, min(2 * k, logits.shape[1]), None if settings.renormalize else lost)
        each = values.shape[1]
        values = (values.view(-1, width, each) + sums[:, :, None]).flatten(1)  # [S, width * each]
        values, places = values.topk(min(2 * k, width * each), dim=-1)
        parents, tokens = places // each, tokens.view(len(live), -1).gather(1, places)  # [S, 2k]
        ends = tokens == end

        rows = parents + width * torch.arange(len(live))[:, None]
        stops = torch.ones_like(ends) if last else ends
        for group, rank in stops[:, :k].nonzero().tolist():
            value = values[group, rank].item()
            if value > -math.inf:
                sentences[live[group]].finish([*history[rows[group, rank]].tolist(), tokens[group, rank].item()], value, end)
        open_width = min(k, ends.shape[1] - int(ends[0].sum()))
        if last or not open_width:
            break

        stay = ends.to(torch.int8).argsort(dim=-1, stable=True)[:, :open_width]  # the first that do not end
        sums, rows, tokens = values.gather(1, stay), rows.gather(1, stay), tokens.gather(1, stay)
        going = [group for group, best in enumerate(sums[:, 0].tolist()) if not sentences[live[group]].is_done(best, length)]
        if not going:
            break
        left = None
        if len(going) < len(live):
            live, left = [live[group] for group in going], torch.tensor(going)
            sums, rows, tokens = sums[left], rows[left], tokens[left]
        history = torch.cat((history[rows.flatten()], tokens.view(-1, 1)), dim=1)
        steps.reorder(rows.flatten(), left)
        logits = steps.step(tokens.flatten())
    return [sentence.finished[: settings.nbest] for sentence in sentences]
