"""Saturation of the softmax: closed forms, and what the study makes of them (statement 1.2d)."""

import math

import pytest
import torch

from workings.studies.tau import KEYS, entropy, jacobian_size, judge, saturation


def test_weights_that_are_all_alike_have_the_entropy_ln_s_and_one_that_has_all_has_none():
    assert entropy(torch.full((13,), 1 / 13, dtype=torch.float64)) == pytest.approx(math.log(13), rel=1e-12)
    assert entropy(torch.tensor([0.0, 1.0, 0.0])) == 0


def test_the_size_of_the_gradient_is_that_of_the_jacobian_and_none_where_one_weight_has_all():
    scores = torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(lambda s: s.softmax(0), scores)
    assert jacobian_size(scores.softmax(0)) == pytest.approx(float(jacobian.norm()), rel=1e-12)
    assert jacobian_size(torch.full((5,), 0.2, dtype=torch.float64)) == pytest.approx(math.sqrt((1 - 1 / 5) / 5), rel=1e-12)
    assert jacobian_size(torch.tensor([1.0, 0.0])) == 0


def test_no_scale_spreads_evenly_a_great_one_picks_and_the_gradient_vanishes():
    none, some, great = (saturation(11, scale, 0) for scale in (0.0, 1.0, 1e4))
    assert none["entropy"] == pytest.approx(math.log(KEYS), rel=1e-12) and none["largest"] == pytest.approx(1 / KEYS)
    assert none["entropy"] > some["entropy"] > great["entropy"] == pytest.approx(0, abs=1e-6)
    assert great["largest"] == pytest.approx(1) and great["gradient"] < 1e-12


def rows(left: float, loss: float) -> list[dict]:
    """A study in which tau = 1 has that part of the gradient of the others, and that loss against their 2."""
    scales = {"1": (left, loss), "1/sqrt(D)": (1.0, 2.0), "1/sqrt(d_k)": (1.0, 2.0)}
    made = []
    for name, (gradient, cost) in scales.items():
        for seed in range(3):
            made.append({"scores": "random", "tau": name, "width": 64, "seed": seed, "entropy": 1.0, "largest": 0.5, "gradient": gradient})
            made.append({"scores": "trained", "tau": name, "width": 32, "seed": seed, "loss": cost + 0.01 * seed})
    return made


@pytest.mark.parametrize(
    ("left", "loss", "word"), [(0.01, 2.3, "supported"), (0.01, 2.0, "depends on"), (0.5, 2.3, "depends on"), (0.5, 1.9, "not supported here")]
)
def test_the_verdict_asks_for_saturation_and_for_its_price(left, loss, word):
    verdict = judge(rows(left, loss))
    assert verdict.word == word and verdict.estimate == pytest.approx(loss - 2)
