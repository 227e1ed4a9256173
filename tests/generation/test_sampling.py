"""The filters against closed forms, and the draws against the distribution that they claim."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workings.generation.sampling import choose, draw, keep_min_p, keep_top_k, keep_top_p, penalize, uniforms
from workings.generation.settings import WriteSettings

HALVES = torch.tensor([[0.5, 0.25, 0.125, 0.0625, 0.0625]]).log()
"""Probabilities 1/2, 1/4, 1/8, 1/16, 1/16."""


def kept(logits: torch.Tensor) -> list[list[int]]:
    return [row.nonzero()[:, 0].tolist() for row in logits > -math.inf]


@pytest.mark.parametrize(("k", "tokens"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (99, [0, 1, 2, 3, 4])])
def test_top_k_keeps_the_k_likeliest(k, tokens):
    assert kept(keep_top_k(HALVES, k)) == [tokens]


def test_top_k_keeps_exactly_k_of_tokens_that_are_equally_likely():
    assert len(kept(keep_top_k(torch.zeros(1, 7), 3))[0]) == 3


@pytest.mark.parametrize(("p", "tokens"), [(0.01, [0]), (0.4, [0]), (0.51, [0, 1]), (0.74, [0, 1]), (0.76, [0, 1, 2]), (0.9, [0, 1, 2, 3])])
def test_top_p_keeps_the_fewest_tokens_that_reach_p(p, tokens):
    assert kept(keep_top_p(HALVES, p)) == [tokens]


def test_top_p_finds_the_tokens_in_any_order():
    order = torch.tensor([3, 1, 4, 0, 2])
    assert kept(keep_top_p(HALVES[:, order], 0.74)) == [[1, 3]]


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=30), st.floats(1e-12, 1.0))
@settings(max_examples=200, deadline=None)
def test_top_p_keeps_at_least_one_token_and_the_likeliest_is_among_them(logits, p):
    row = torch.tensor([logits])
    filtered = keep_top_p(row, p)
    assert filtered.amax() == row.amax()
    assert set(filtered[filtered > -math.inf].tolist()) <= set(logits)


@pytest.mark.parametrize(("share", "tokens"), [(0.0, [0, 1, 2, 3, 4]), (0.12, [0, 1, 2, 3, 4]), (0.13, [0, 1, 2]), (0.3, [0, 1]), (0.6, [0]), (1.0, [0])])
def test_min_p_drops_what_is_below_a_share_of_the_likeliest(share, tokens):
    assert kept(keep_min_p(HALVES, share)) == [tokens]


def test_filters_treat_rows_apart_and_leave_kept_logits_as_they_were():
    rows = torch.stack([HALVES[0], HALVES[0].flip(0)])
    for filtered in (keep_top_k(rows, 2), keep_top_p(rows, 0.7), keep_min_p(rows, 0.4)):
        assert kept(filtered) == [[0, 1], [3, 4]]
        assert torch.equal(filtered[filtered > -math.inf], rows[filtered > -math.inf])


def test_the_penalty_divides_positive_logits_and_multiplies_negative_ones_of_seen_tokens():
    logits, seen = torch.tensor([[2.0, 2.0, -3.0, -3.0]]), torch.tensor([[True, False, True, False]])
    assert torch.equal(penalize(logits, seen, 2.0), torch.tensor([[1.0, 2.0, -6.0, -3.0]]))


def test_temperature_zero_is_argmax_whatever_the_draw():
    logits = torch.randn(5, 11, generator=torch.Generator().manual_seed(1))
    cold = WriteSettings(temperature=0, top_k=3, top_p=0.5, min_p=0.1)
    assert all(torch.equal(choose(logits, cold, torch.full((5,), u)), logits.argmax(-1)) for u in (0.0, 0.5, 0.999))


def test_temperature_divides_the_logits():
    logits = torch.tensor([[0.0, math.log(3.0)]])  # odds 1 : 3, at temperature 1/2 they are 1 : 9
    at = [choose(logits, WriteSettings(temperature=0.5), torch.tensor([u])).item() for u in (0.0999, 0.1001)]
    assert at == [0, 1]


def test_a_draw_inverts_the_distribution_function():
    for u, token in [(0.0, 0), (0.4999, 0), (0.5001, 1), (0.7499, 1), (0.7501, 2), (0.9374, 3), (0.9376, 4), (1 - 2**-53, 4)]:
        assert draw(HALVES, torch.tensor([u], dtype=torch.float64)).item() == token


def test_a_dropped_token_is_never_drawn():
    logits = torch.full((1, 4), -math.inf)
    logits[0, 2] = 0.0
    assert all(draw(logits, torch.tensor([u], dtype=torch.float64)).item() == 2 for u in (0.0, 0.3, 1 - 2**-53))


def test_draws_follow_the_softmax():
    """Chi-square with V - 1 degrees of freedom: mean V - 1, deviation sqrt(2 (V - 1)); four deviations are allowed."""
    vocabulary, count = 41, 40_000
    logits = torch.randn(vocabulary, generator=torch.Generator().manual_seed(2))
    tokens = choose(logits.expand(count, -1), WriteSettings(temperature=1.0), uniforms(7, 0, count))
    expected = logits.double().softmax(-1) * count
    distance = ((tokens.bincount(minlength=vocabulary) - expected) ** 2 / expected).sum().item()
    assert abs(distance - (vocabulary - 1)) < 4 * math.sqrt(2 * (vocabulary - 1))


def test_filtered_draws_follow_the_softmax_of_what_is_left():
    count = 40_000
    tokens = choose(HALVES.expand(count, -1), WriteSettings(temperature=1.0, top_k=4, top_p=0.9, min_p=0.2), uniforms(8, 0, count))
    shares = tokens.bincount(minlength=5) / count
    assert shares[3:].sum() == 0
    assert torch.allclose(shares[:3], torch.tensor([4, 2, 1]) / 7, atol=4 * 0.5 / math.sqrt(count))


def test_numbers_depend_on_seed_and_sample_alone_and_longer_rows_begin_with_shorter_ones():
    assert torch.equal(uniforms(3, 1, 100)[:17], uniforms(3, 1, 17))
    assert len({uniforms(seed, sample, 1).item() for seed in range(-3, 3) for sample in range(5)}) == 30
