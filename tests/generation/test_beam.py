"""Beam search against exhaustive search, on models of a few tokens that are a table: what comes next depends on the whole beginning."""

import itertools
import random

import pytest
import torch
from torch import Tensor

from workings.errors import BadInput
from workings.generation.beam import Forbidden, beam_search, likeliest
from workings.generation.translate_settings import TranslateSettings

END = 0


class Table:
    """For each sentence a random distribution after every beginning: steps that can be searched, and whose hypotheses can all be listed."""

    def __init__(self, seeds: list[int], vocabulary: int = 4, sharp: float = 1.5):
        self.seeds, self.vocabulary, self.sharp = seeds, vocabulary, sharp
        self.rows = [(seed, ()) for seed in seeds]
        self.read = 0

    def logits_of(self, seed: int, begin: tuple[int, ...]) -> Tensor:
        draw = random.Random(repr((seed, begin)))
        return torch.tensor([draw.gauss(0, self.sharp) for _ in range(self.vocabulary)], dtype=torch.float64)

    def first(self) -> Tensor:
        return torch.stack([self.logits_of(*row) for row in self.rows])

    def step(self, tokens: Tensor) -> Tensor:
        self.rows = [(seed, (*begin, token)) for (seed, begin), token in zip(self.rows, tokens.tolist(), strict=True)]
        self.read += len(self.rows)
        return self.first()

    def reorder(self, rows: Tensor, sentences: Tensor | None) -> None:
        self.rows = [self.rows[row] for row in rows.tolist()]

    def all_hypotheses(self, seed: int, tokens: int, penalty: float) -> list[tuple[float, tuple[int, ...]]]:
        """(score, tokens) of everything that ends within so many tokens or is cut there, best first."""
        found = []
        for length in range(1, tokens + 1):
            for begin in itertools.product(range(1, self.vocabulary), repeat=length - 1):
                for last in [END] if length < tokens else range(self.vocabulary):
                    whole = (*begin, last)
                    logprob = sum(self.logits_of(seed, whole[:n]).log_softmax(-1)[token].item() for n, token in enumerate(whole))
                    found.append((logprob / length**penalty, begin if last == END else whole))
        return sorted(found, reverse=True)


def search(table: Table, **choices) -> list:
    return beam_search(table, table.first(), TranslateSettings(**choices), END)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0, -1.0])
@pytest.mark.parametrize("stopping", ["exact", "usual"])
def test_a_beam_as_wide_as_the_language_is_exhaustive_search(stopping, penalty):
    for seed in range(5):
        table = Table([seed])
        everything = table.all_hypotheses(seed, 5, penalty)
        (found,) = search(table, beam=500, nbest=len(everything), tokens=5, length_penalty=penalty, stopping=stopping)
        assert [tuple(h.tokens) for h in found] == [tokens for _, tokens in everything]
        assert [h.score for h in found] == pytest.approx([score for score, _ in everything])


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 1.5, -0.5])
def test_exact_stopping_finds_what_going_on_to_the_limit_finds_and_often_stops_before(penalty):
    saved = 0
    for seed in range(40):
        endless, stopped = Table([seed]), Table([seed])
        (last,) = search(endless, beam=10, nbest=10, tokens=6, length_penalty=penalty, stopping="exact")  # ten are wanted: it goes on for longer
        (found,) = search(stopped, beam=10, nbest=1, tokens=6, length_penalty=penalty, stopping="exact")
        assert found == last[:1]
        assert stopped.read <= endless.read
        saved += endless.read - stopped.read
    assert saved > 0


def test_the_usual_stopping_can_miss_a_longer_hypothesis_that_exact_stopping_finds():
    worse = 0
    for seed in range(60):
        best = {stopping: search(Table([seed], sharp=3), beam=2, tokens=8, length_penalty=2.0, stopping=stopping)[0][0] for stopping in ("usual", "exact")}
        assert best["usual"].score <= best["exact"].score
        worse += best["usual"].score < best["exact"].score
    assert worse > 0


def test_the_search_goes_on_after_the_best_hypothesis_has_ended():
    """After one token the sentence may end with P = 0.4; "1 END" has P = 0.6 * 0.9 and wins."""

    class Script(Table):
        def logits_of(self, seed, begin):
            return torch.tensor({(): [0.4, 0.6], (1,): [0.9, 0.1]}.get(begin, [0.5, 0.5]), dtype=torch.float64).log()

    (found,) = search(Script([0], vocabulary=2), beam=2, nbest=2, tokens=6, length_penalty=0.0)
    assert [h.tokens for h in found] == [[1], []]
    assert [h.logprob for h in found] == pytest.approx([torch.tensor(0.54).log().item(), torch.tensor(0.4).log().item()])


@pytest.mark.parametrize(
    "choices", [dict(), dict(stopping="full"), dict(stopping="exact", nbest=3), dict(forced_end=True, tokens=3), dict(length_penalty=0.0)], ids=str
)
def test_sentences_together_find_what_each_finds_alone(choices):
    choices = dict(beam=3, tokens=9) | choices
    together = search(Table(list(range(12)), vocabulary=7), **choices)
    assert together == [search(Table([seed], vocabulary=7), **choices)[0] for seed in range(12)]
    assert len({len(found[0].tokens) for found in together}) > 1


def test_a_wider_beam_of_one_row_is_greedy_until_the_first_end():
    table = Table([3], vocabulary=9)
    (found,) = search(table, beam=1, tokens=7, stopping="full")
    begin = ()
    while (token := int(table.logits_of(3, begin).argmax())) != END and len(begin) < 7:
        begin = (*begin, token)
    assert tuple(found[0].tokens) == begin


def test_a_forced_end_costs_nothing_and_every_hypothesis_has_one():
    (found,) = search(Table([1], vocabulary=9, sharp=0.1), beam=4, nbest=4, tokens=3, forced_end=True)
    assert all(h.ended and len(h.tokens) == 2 for h in found)
    expected = sum(Table([1], vocabulary=9, sharp=0.1).logits_of(1, tuple(found[0].tokens[:n])).log_softmax(-1)[found[0].tokens[n]].item() for n in range(2))
    assert found[0].logprob == pytest.approx(expected)
    assert found[0].score == pytest.approx(expected / 3)


def test_what_does_not_end_within_the_limit_is_cut_there_and_says_so():
    (found,) = search(Table([1], vocabulary=9, sharp=0.1), beam=4, nbest=4, tokens=3)
    assert any(not h.ended and len(h.tokens) == 3 for h in found)


@pytest.mark.parametrize("renormalize", [False, True])
def test_a_bad_word_is_never_written_and_its_probability_is_lost_or_shared(renormalize):
    words = ((2,), (1, 3), (END,))  # the end token alone cannot be forbidden
    for seed in range(10):
        table = Table([seed], vocabulary=6)
        (found,) = search(table, beam=6, nbest=6, tokens=6, bad_words=words, renormalize=renormalize)
        for h in found:
            assert 2 not in h.tokens
            assert (1, 3) not in list(itertools.pairwise(h.tokens))
            expected = 0.0
            for n, token in enumerate([*h.tokens, END] if h.ended else h.tokens):
                logits = table.logits_of(seed, tuple(h.tokens[:n]))
                bad = [2, 3] if n and h.tokens[n - 1] == 1 else [2]
                expected += (logits.index_fill(0, torch.tensor(bad), -torch.inf) if renormalize else logits).log_softmax(-1)[token].item()
            assert h.logprob == pytest.approx(expected, abs=1e-5)


def test_forbidden_sequences_take_their_last_token_only_after_their_beginning():
    logits = torch.zeros(3, 5)
    lost = Forbidden([[4], [1, 2]], END).forbid(logits, torch.tensor([[3, 1], [1, 3], [1, 1]]))
    assert logits.isinf().tolist() == [[False, False, True, False, True], [False] * 4 + [True], [False, False, True, False, True]]
    torch.testing.assert_close(lost.exp(), torch.tensor([2.0, 1.0, 2.0]))
    assert Forbidden([[END]], END).forbid(torch.zeros(1, 5), torch.zeros(1, 0, dtype=torch.long)) is None


def test_the_likeliest_tokens_come_with_their_log_probabilities():
    logits = torch.randn(5, 1000, generator=torch.Generator().manual_seed(0))
    values, tokens = likeliest(logits, 7)
    expected = logits.log_softmax(-1).topk(7)
    torch.testing.assert_close(values, expected.values)
    assert torch.equal(tokens, expected.indices)


def test_a_language_of_nothing_but_the_end():
    (found,) = search(Table([0], vocabulary=1), beam=3, nbest=3, tokens=4)
    assert [(h.tokens, h.ended) for h in found] == [([], True)]


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (dict(beam=0), "translate.beam is 0; it must be at least 1"),
        (dict(beam=2, nbest=3), "translate.nbest is 3, but only translate.beam = 2"),
        (dict(length_penalty=float("nan")), "translate.length_penalty is nan"),
        (dict(temperature=0.5), "set translate.beam to 1"),
        (dict(beam=1, top_p=0.0), "translate.top_p is 0.0"),
        (dict(bad_words=((),)), "translate.bad_words"),
    ],
    ids=str,
)
def test_choices_that_cannot_be_are_refused(choices, said):
    with pytest.raises(BadInput, match=said):
        TranslateSettings(**choices)
