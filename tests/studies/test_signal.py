"""The study of signal sizes measures what is known of layers that scale, and judges slopes as it says."""

import math

import pytest
import torch
from torch import nn

from workings.blackboard.signal import GAIN, backward_slope, forward_slope
from workings.studies.signal import NORMS, expectations, judge, sizes


def scaling(by: float) -> nn.Linear:
    layer = nn.Linear(3, 3, bias=False)
    nn.init.eye_(layer.weight)
    layer.weight.data.mul_(by)
    return layer


def test_layers_that_double_numbers_double_gradients_on_their_way_back():
    forward, backward = sizes(nn.ModuleList([scaling(2.0), scaling(2.0), scaling(3.0)]), torch.ones(5, 3), torch.ones(5, 3))
    assert forward == pytest.approx([2 * math.log(2), 2 * math.log(4), 2 * math.log(12)])
    assert backward == pytest.approx([2 * math.log(6), 2 * math.log(3), 0.0])


def rows(forward: dict = {}, backward: dict = {}, spread: float = 0.001) -> list[dict]:  # noqa: B006 (never changed)
    """Slopes that are the closed forms but for those given, with a little that differs by seed."""
    made = []
    for norm in NORMS:
        for start in GAIN:
            expected = {"forward_expected": forward_slope(start, norm), "backward_expected": backward_slope(start, norm)}
            for seed in range(3):
                slopes = {
                    "forward_slope": forward.get((norm, start), expected["forward_expected"]) + spread * seed,
                    "backward_slope": backward.get((norm, start), expected["backward_expected"]) + spread * seed,
                }
                made.append({"norm": norm, "start": start, "seed": seed} | expected | slopes)
    return made


def test_xavier_has_to_lose_what_he_and_every_norm_keep():
    assert judge(rows()).word == "supported" and judge(rows()).estimate == pytest.approx(-math.log(2) + 0.001)
    other = judge(rows(backward={("batch", "he"): 0.0}))
    assert other.word == "supported" and "backward, he, norm batch" in other.sentence
    for place in (("none", "xavier"), ("rms", "lecun")):
        assert judge(rows(forward={place: 0.2})).word == "not supported here"
    assert judge(rows(spread=0.04)).word == "depends on"  # a mean that is close, with an interval that reaches beyond


def test_each_part_of_the_hypothesis_holds_or_does_not_or_is_not_settled():
    assert list(expectations(rows()).values()) == [True] * 5
    assert list(expectations(rows(spread=0.04)).values()) == [None] * 5
    other = expectations(rows(forward={("none", "orthogonal"): -0.1}, backward={("batch", "he"): 0.0}))
    assert list(other.values()) == [True, False, True, False, False]
