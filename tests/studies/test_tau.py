"""Saturation of the softmax: closed forms, and what the study makes of them (statement 1.2d)."""

import math

import pytest
import torch

from workings.studies.tau import AT, KEYS, STUDY, TRAINED_AT, conditions, entropy, expectations, jacobian_size, judge, saturation


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


@pytest.mark.parametrize("scale", [STUDY.quick, STUDY.full])
def test_both_scales_measure_what_the_hypothesis_is_about(scale):
    assert {("random", AT), ("trained", TRAINED_AT)} <= {(one["scores"], one["width"]) for one in conditions(scale)}


def rows(left: float, loss: float) -> list[dict]:
    """A study in which tau = 1 has that part of the gradient of the others, and that loss against their 2; at greater widths it is as good as they are."""
    scales = {"1": (left, loss), "1/sqrt(D)": (1.0, 2.0), "1/sqrt(d_k)": (1.0, 2.0)}
    made = []
    for name, (gradient, cost) in scales.items():
        for seed in range(3):
            made.append({"scores": "random", "tau": name, "width": AT, "seed": seed, "entropy": 4.0, "largest": 0.95, "gradient": gradient})
            made.append({"scores": "trained", "tau": name, "width": TRAINED_AT, "seed": seed, "loss": cost + 0.01 * seed})
            made += [row | {"width": 4 * row["width"]} | ({"gradient": 1.0} if "gradient" in row else {"loss": 2.0}) for row in made[-2:]]
    return made


@pytest.mark.parametrize(
    ("left", "loss", "word"), [(0.01, 2.3, "supported"), (0.01, 2.0, "depends on"), (0.5, 2.3, "depends on"), (0.5, 1.9, "not supported here")]
)
def test_the_verdict_asks_for_saturation_and_for_its_price(left, loss, word):
    verdict = judge(rows(left, loss))
    assert verdict.word == word and verdict.estimate == pytest.approx(loss - 2)


def test_saturation_has_to_be_certain():
    unsure = [row | ({"gradient": 0.09 * row["seed"]} if row.get("gradient") == 0.01 else {}) for row in rows(0.01, 2.3)]
    verdict = judge(unsure)
    assert verdict.word == "depends on" and "less than 0.1 was asked, not settled with 3 seeds" in verdict.sentence


def test_what_was_expected_holds_does_not_or_is_not_settled():
    assert list(expectations(rows(0.01, 2.3)).values()) == [True] * 4
    worse = [row | ({"largest": 0.8, "entropy": 3.0} if "largest" in row else {}) for row in rows(0.5, 2.01)]
    assert list(expectations(worse).values()) == [False] * 4
